// Holds KEDA's objects, one JSON a line on standard input, to KEDA's own schemas, and to its types: those refuse fields
// that they do not know. Needs @kubernetes-models/keda and typescript in the folder that the first argument names.

import { createRequire } from "node:module";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const folder = resolve(process.argv[2]);
const load = createRequire(join(folder, "package.json"));
const ts = load("typescript");
const keda = join(folder, "node_modules", "@kubernetes-models", "keda");

/** What the compiler has against an object written as a literal. */
function complaints(object) {
  const from = `@kubernetes-models/keda/${object.apiVersion}`;
  const file = join(mkdtempSync(join(folder, "keda-")), "object.ts");
  writeFileSync(file, `import { I${object.kind} } from "${from}";\nexport const it: I${object.kind} = ${JSON.stringify(object)};\n`);
  const options = {
    noEmit: true,
    strict: true,
    skipLibCheck: true,
    module: ts.ModuleKind.ESNext,
    target: ts.ScriptTarget.ES2022,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
  };
  const found = ts.getPreEmitDiagnostics(ts.createProgram([file], options));
  return found.map((one) => ts.flattenDiagnosticMessageText(one.messageText, "\n"));
}

const tried = new Set();
for (const line of readFileSync(0, "utf8").trim().split("\n")) {
  const object = JSON.parse(line);
  const { [object.kind]: Model } = await import(join(keda, object.apiVersion, "index.js"));
  new Model(object).validate();
  const found = complaints(object);
  if (found.length > 0) throw new Error(`${object.kind}: ${found.join("\n")}`);
  console.log(`${object.kind} ${object.metadata.name} is valid`);
  // A mistake must be found, or the line above says nothing.
  if (!tried.has(object.kind) && complaints({ ...object, spec: { ...object.spec, unknownField: 1 } }).length === 0) {
    throw new Error(`the types of ${object.kind} take an unknown field`);
  }
  tried.add(object.kind);
}
