//! The admin API over sockets: what depends on how requests and answers travel.

use crate::support::{Answer, Bed, Request, Shape, Upstream, Way};

async fn bed() -> Bed {
    let first = Upstream::new(|seen| {
        let shape = if seen.head.path().ends_with("messages") { Shape::Messages } else { Shape::Chat };
        Answer::plain(shape, "served")
    })
    .await;
    Bed::start_with("h2c: true\n", first, Upstream::silent().await).await
}

#[tokio::test]
async fn a_body_that_may_be_left_out_is_read_before_anything_is_done() {
    let bed = bed().await;
    for way in Way::ALL {
        let minted = bed.gateway.admin(r#"{"label":"a"}"#).await.json();
        let (id, old) = (minted["id"].as_str().unwrap(), minted["key"].as_str().unwrap());
        let request = Request::post(format!("/admin/keys/{id}/rotate"), r#"{"grace_seconds":0}"#);
        let rotated = bed.gateway.as_admin(request, way).await;
        assert_eq!(rotated.status, 200, "{way:?}: {rotated:?}");
        let new = rotated.json()["key"].as_str().unwrap().to_owned();
        for (key, status) in [(old, 401), (new.as_str(), 200)] {
            let ask = Request::post(Shape::Chat.path(), Shape::Chat.ask(&bed.sole(), "hello")).bearer(key);
            assert_eq!(bed.gateway.send(&ask, Way::Sized).await.status, status, "{way:?}: the grace time was 0");
        }
    }
}

#[tokio::test]
async fn the_query_reaches_the_admin_api_and_head_is_like_get() {
    let bed = bed().await;
    for way in Way::ALL {
        let list = bed.gateway.as_admin(Request::get("/admin/keys?limit=1"), way).await;
        assert_eq!((list.status, list.json()["data"].as_array().unwrap().len()), (200, 1), "{way:?}");
        let wrong = bed.gateway.as_admin(Request::get("/admin/keys?limit=0"), way).await;
        assert_eq!(wrong.status, 400, "{way:?}");
    }
    let head = bed.gateway.as_admin(Request::new("HEAD", "/admin/keys"), Way::Sized).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    let open = bed.gateway.send(&Request::get("/admin/openapi.json"), Way::Sized).await;
    assert_eq!(open.json()["openapi"], "3.1.0");
}

#[tokio::test]
async fn a_copy_of_the_database_arrives_whole_in_every_way() {
    let bed = bed().await;
    let minted = bed.gateway.mint("copied", None).await;
    for way in Way::ALL {
        let copy = bed.gateway.as_admin(Request::get("/admin/ledger/backup"), way).await;
        assert_eq!(copy.status, 200, "{way:?}: {copy:?}");
        assert_eq!(copy.header("content-type"), Some("application/octet-stream"));
        assert_eq!(copy.header("content-length"), Some(copy.body.len().to_string().as_str()), "{way:?}");
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ovth.redb"), &copy.body).unwrap();
        let store = std::sync::Arc::new(ovth_gateway::store::Store::open(folder.path()).unwrap());
        let keys = ovth_gateway::keys::Keys::open(store).unwrap();
        assert!(keys.authenticate(minted.as_bytes(), std::time::SystemTime::now()).is_ok(), "{way:?}");
    }
}

#[tokio::test]
async fn wrong_master_keys_are_logged_without_what_was_presented() {
    let bed = bed().await;
    for _ in 0..2 {
        let request = Request::get("/admin/keys").bearer("guessed-0123456789");
        let response = bed.gateway.send(&request, Way::Sized).await;
        assert_eq!(response.status, 401, "{response:?}");
    }
    let log = bed.gateway.log();
    assert!(log.contains("a wrong master key was presented"), "{log}");
    assert!(!log.contains("guessed"), "{log}");
}
