//! What is sold is changed on the console: what a form does not say stays, and amounts are read exactly.

use harness::browser::Screen;
use harness::client::Request;
use harness::world::World;
use serde_json::{Value, json};

use super::{audited, employ, sign_in};

async fn get(world: &World, path: &str) -> Value {
    let admin = &world.settings().secrets.admin_api_key;
    world.api().get(&format!("/purser/v1/catalog/{path}")).bearer(admin).expect(200).await
}

#[tokio::test(flavor = "multi_thread")]
async fn packs_and_plans_are_changed_field_by_field() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let pack = json!({"packId": "studio", "name": "Studio", "description": "For five", "credits": 12_500,
                      "price": {"minor": 9_000, "currency": "eur"}, "expiresAfterDays": 365,
                      "dialects": ["native", "wasdi"], "storeProductId": "com.shop.studio", "sortOrder": 3});
    let before = world.admin_post("/purser/v1/catalog/packs", pack).expect(201).await;
    let plan = json!({"planId": "hobby", "name": "Hobby", "features": ["Fast", "Kind to the night"],
                      "rollover": true, "monthly": {"credits": 1_000, "price": {"minor": 900, "currency": "usd"}},
                      "yearly": {"credits": 12_000, "price": {"minor": 9_000, "currency": "usd"}}});
    let plan = world.admin_post("/purser/v1/catalog/plans", plan).expect(201).await;
    let page = sign_in(&world, &employ(&world, "Finn", "finance").await, Screen::DESK).await;
    page.goto("/console/catalog").await;
    page.click("a[href^='/console/do/change-pack?packId=studio']").await;
    page.fill("#price", "79.9").await;
    page.click("main form button").await;
    page.sees("The pack is changed.").await;
    let mut changed = before.clone();
    changed["price"]["minor"] = json!(7_990);
    assert_eq!(get(&world, "packs/studio").await, changed);
    page.click("a[href^='/console/do/change-plan?planId=hobby']").await;
    page.fill("#monthly\\.credits", "1200.5").await;
    page.click("main form button").await;
    page.sees("The plan is changed.").await;
    let mut changed = plan.clone();
    changed["monthly"]["credits"] = json!(1200.5);
    assert_eq!(get(&world, "plans/hobby").await, changed);
    // An amount that the currency does not have is said at the form, and nothing changes.
    page.click("a[href^='/console/do/change-pack?packId=studio']").await;
    page.fill("#price", "79.999").await;
    page.click("main form button").await;
    page.sees("This was not done").await;
    assert_eq!(page.value("document.querySelector('#price').value").await, json!("79.999"));
    assert_eq!(get(&world, "packs/studio").await["price"]["minor"], json!(7_990));
    assert_eq!(audited(&world, "pack.replace").await["subject"], json!("studio"));
    page.finish().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coupon_that_is_switched_off_keeps_its_limits() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let coupon = json!({"code": "AUTUMN", "percent": 20, "maxRedemptions": 500, "maxPerUser": 1,
                        "expiresAt": "2035-01-01T00:00:00Z"});
    let coupon = world.admin_post("/purser/v1/catalog/coupons", coupon).expect(201).await;
    let page = sign_in(&world, &employ(&world, "Finn", "finance").await, Screen::PHONE).await;
    page.goto("/console/catalog").await;
    page.click("a[href^='/console/do/change-coupon?']").await;
    page.click("input[name=active]").await;
    page.click("main form button").await;
    page.sees("The coupon is changed.").await;
    let mut off = coupon.clone();
    off["active"] = json!(false);
    let path = format!("coupons/{}", coupon["couponId"].as_str().unwrap());
    assert_eq!(get(&world, &path).await, off);
    page.finish().await;
    world.finish().await;
}

fn put_check_in(world: &World, settings: Value) -> Request {
    let admin = &world.settings().secrets.admin_api_key;
    world.api().put("/purser/v1/catalog/check-in").bearer(admin).json(settings)
}

#[tokio::test(flavor = "multi_thread")]
async fn check_ins_are_switched_on_and_their_bonuses_changed_a_line_each() {
    let world = World::builder().without_worker().without_scheduler().start().await;
    let page = sign_in(&world, &employ(&world, "Finn", "finance").await, Screen::PHONE).await;
    let off = json!({"enabled": false, "creditsPerDay": 1, "timeZone": "UTC"});
    put_check_in(&world, off).expect(200).await;
    page.goto("/console/catalog").await;
    page.sees("No check-ins").await;
    page.click("a[href^='/console/do/check-in?']").await;
    page.click("input[name=enabled]").await;
    page.fill("#creditsPerDay", "5").await;
    page.fill("#streakBonuses", "7 20\n30 100").await;
    page.fill("#timeZone", "Europe/Rome").await;
    page.click("main form button").await;
    page.sees("Check-ins are changed.").await;
    page.sees("30 days in a row").await;
    let set = json!({"enabled": true, "creditsPerDay": 5, "timeZone": "Europe/Rome",
                     "streakBonuses": [{"days": 7, "credits": 20}, {"days": 30, "credits": 100}]});
    assert_eq!(get(&world, "check-in").await, set);
    // The form begins with what is there; what cannot be is said at it, and nothing changes.
    for (bonuses, complaint) in [("seven days", "days and credits"), ("7 20\n7 30", "two streak bonuses")] {
        page.click("a[href^='/console/do/check-in?']").await;
        page.wait_for("document.querySelector('#streakBonuses')?.value === '7 20\\n30 100'").await;
        page.fill("#streakBonuses", bonuses).await;
        page.click("main form button").await;
        page.sees(complaint).await;
        page.click("main form a.button").await;
    }
    assert_eq!(get(&world, "check-in").await, set);
    page.click("a[href^='/console/do/check-in?']").await;
    page.fill("#streakBonuses", "").await;
    page.click("main form button").await;
    page.sees("Check-ins are changed.").await;
    assert_eq!(get(&world, "check-in").await["streakBonuses"], json!([]));
    assert_eq!(audited(&world, "checkin.configure").await["subject"], json!("checkin_config"));
    page.finish().await;
    world.finish().await;
}
