//! The description of an endpoint, as OpenAPI 3.1.

use identity::operators::OperatorRole;
use identity::rights::Scope;
use utoipa::openapi::path::{Operation, OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::Schema;
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{ContentBuilder, RefOr, Required, ResponseBuilder};
use utoipa::{PartialSchema, ToSchema};
use warp::http::{Method, StatusCode};

/// Who may call an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Public,
    /// Any user, with any credential.
    User,
    /// Who administrates, over the APIs of other systems.
    Admin,
    /// Who has the scope, for the wallets that their credential opens.
    Allowed(Scope),
    /// Who has the scope for everyone.
    Operator(Scope),
    /// A payment provider, which signs or presents a shared secret.
    Provider,
}

impl Access {
    /// What the credential has to have.
    pub fn scope(self) -> Option<Scope> {
        match self {
            Self::Allowed(scope) | Self::Operator(scope) => Some(scope),
            Self::Admin => Some(Scope::Manage),
            Self::Public | Self::User | Self::Provider => None,
        }
    }

    /// The least role of an operator that may call it, unless its description says otherwise: operators see everything,
    /// and what manages money and users is finance's. What spends, buys or administrates is for admins.
    pub fn role(self, method: &Method) -> Option<OperatorRole> {
        let (Self::Allowed(scope) | Self::Operator(scope)) = self else { return None };
        Some(match scope {
            _ if method.is_safe() => OperatorRole::Viewer,
            Scope::Read => OperatorRole::Viewer,
            Scope::Manage => OperatorRole::Finance,
            Scope::Spend | Scope::Buy | Scope::Admin => OperatorRole::Admin,
        })
    }

    /// Whether it answers those only whom it knows.
    pub fn is_protected(self) -> bool {
        !matches!(self, Self::Public | Self::Provider)
    }
}

/// A schema with its name, and those that it refers to.
pub type Schemas = Vec<(String, RefOr<Schema>)>;

#[derive(Clone)]
pub struct Description {
    pub access: Access,
    /// The least role of an operator that may call it; none: as [`Access::role`] says.
    pub role: Option<OperatorRole>,
    /// Without the errors that every endpoint of its API can answer.
    pub operation: Operation,
    /// The statuses of its errors, which have the schema of its API.
    pub refusals: Vec<StatusCode>,
    pub schemas: Schemas,
}

impl Description {
    /// A description with one line on the endpoint's purpose.
    pub fn new(access: Access, summary: &str) -> Self {
        // Nothing is needed, unless something is added.
        let operation = OperationBuilder::new().summary(Some(summary)).securities(Some([]));
        // Schemes are alternatives: any one of them is enough.
        let schemes: &[&str] = match access {
            Access::Public | Access::Provider => &[],
            Access::User | Access::Allowed(_) => &["bearer", "sessionToken", "sessionCookie"],
            Access::Admin | Access::Operator(_) => &["bearer"],
        };
        let scopes = access.scope().map(Scope::as_str);
        let operation = schemes.iter().fold(operation, |operation, scheme| {
            operation.security(SecurityRequirement::new::<_, _, &str>(*scheme, scopes))
        });
        let mut description = Self {
            access,
            role: None,
            operation: operation.build(),
            refusals: Vec::new(),
            schemas: Vec::new(),
        };
        match access {
            Access::Public | Access::Provider => {}
            Access::User => description.refusals.push(StatusCode::UNAUTHORIZED),
            Access::Admin | Access::Allowed(_) | Access::Operator(_) => {
                description.refusals.extend([StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN]);
            }
        }
        description
    }

    /// Lets operators of this role, and of those above it, call it.
    #[must_use]
    pub fn role(mut self, least: OperatorRole) -> Self {
        self.role = Some(least);
        self
    }

    /// Adds text to the one line.
    #[must_use]
    pub fn says(mut self, text: &str) -> Self {
        self.operation.description = Some(text.to_owned());
        self
    }

    #[must_use]
    pub fn path_parameter<T: PartialSchema>(self, name: &str, description: &str) -> Self {
        self.parameter(ParameterIn::Path, name, Required::True, T::schema(), description)
    }

    /// Adds the parameter `wallet` of the path.
    #[must_use]
    pub fn wallet(self) -> Self {
        let names = "`user:` and the user's id, `org:` and the organization's, the wallet's own id, or `me`: the \
                     caller's own.";
        self.path_parameter::<String>("wallet", names).refuses(&[StatusCode::NOT_FOUND])
    }

    /// Adds an optional parameter of the query.
    #[must_use]
    pub fn query<T: PartialSchema>(self, name: &str, description: &str) -> Self {
        self.parameter(ParameterIn::Query, name, Required::False, T::schema(), description)
    }

    #[must_use]
    pub fn required_query<T: PartialSchema>(self, name: &str, description: &str) -> Self {
        self.parameter(ParameterIn::Query, name, Required::True, T::schema(), description)
    }

    #[must_use]
    pub fn required_header<T: PartialSchema>(self, name: &str, description: &str) -> Self {
        self.parameter(ParameterIn::Header, name, Required::True, T::schema(), description)
    }

    /// Adds the header that makes a repeated request the same request.
    #[must_use]
    pub fn idempotency_key(self) -> Self {
        let text = "Sent again with the same key, the request is done once and answered the same: 1 to 255 \
                    printable ASCII characters.";
        self.header::<String>("Idempotency-Key", text)
            .refuses(&[StatusCode::BAD_REQUEST, StatusCode::CONFLICT])
    }

    /// Adds an optional header.
    #[must_use]
    pub fn header<T: PartialSchema>(self, name: &str, description: &str) -> Self {
        self.parameter(ParameterIn::Header, name, Required::False, T::schema(), description)
    }

    fn parameter(
        mut self,
        place: ParameterIn,
        name: &str,
        required: Required,
        schema: RefOr<Schema>,
        description: &str,
    ) -> Self {
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(place)
            .required(required)
            .description(Some(description))
            .schema(Some(schema))
            .build();
        self.operation.parameters.get_or_insert_default().push(RefOr::T(parameter));
        self
    }

    /// Adds a required JSON body.
    #[must_use]
    pub fn takes<T: ToSchema>(self) -> Self {
        self.body::<T>(Required::True)
    }

    /// Adds an optional JSON body.
    #[must_use]
    pub fn may_take<T: ToSchema>(self) -> Self {
        self.body::<T>(Required::False)
    }

    fn body<T: ToSchema>(mut self, required: Required) -> Self {
        let content = ContentBuilder::new().schema(Some(self.reference::<T>())).build();
        let body = RequestBodyBuilder::new().content("application/json", content).required(Some(required));
        self.operation.request_body = Some(RefOr::T(body.build()));
        self
    }

    /// Adds an answer with a JSON body.
    #[must_use]
    pub fn answers<T: ToSchema>(mut self, status: StatusCode, description: &str) -> Self {
        let content = ContentBuilder::new().schema(Some(self.reference::<T>())).build();
        let response = ResponseBuilder::new().description(description).content("application/json", content);
        self.operation.responses.responses.insert(status.as_str().to_owned(), RefOr::T(response.build()));
        self
    }

    /// Adds an answer with a body that is not JSON.
    #[must_use]
    pub fn answers_with(mut self, status: StatusCode, content_type: &str, description: &str) -> Self {
        let content = ContentBuilder::new().schema(Some(String::schema())).build();
        let response = ResponseBuilder::new().description(description).content(content_type, content);
        self.operation.responses.responses.insert(status.as_str().to_owned(), RefOr::T(response.build()));
        self
    }

    /// Adds an answer without a body.
    #[must_use]
    pub fn answers_plainly(mut self, status: StatusCode, description: &str) -> Self {
        let response = ResponseBuilder::new().description(description).build();
        self.operation.responses.responses.insert(status.as_str().to_owned(), RefOr::T(response));
        self
    }

    /// Adds errors besides those that every endpoint of its API can answer.
    #[must_use]
    pub fn refuses(mut self, statuses: &[StatusCode]) -> Self {
        self.refusals.extend_from_slice(statuses);
        self
    }

    fn reference<T: ToSchema>(&mut self) -> RefOr<Schema> {
        named_schema::<T>(&mut self.schemas)
    }
}

/// Adds a type's schema under its name and returns a reference to it. Plain types have no name: their schema itself is
/// returned.
pub fn named_schema<T: ToSchema>(schemas: &mut Schemas) -> RefOr<Schema> {
    T::schemas(schemas);
    let schema = T::schema();
    let is_object = match &schema {
        RefOr::T(Schema::Object(object)) => !object.properties.is_empty(),
        RefOr::T(Schema::Array(_)) => false,
        RefOr::T(_) | RefOr::Ref(_) => true,
    };
    if !is_object {
        return schema;
    }
    let name = T::name().into_owned();
    schemas.push((name.clone(), schema));
    RefOr::Ref(utoipa::openapi::Ref::from_schema_name(name))
}
