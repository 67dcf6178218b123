//! Lampenladen, the sample shop: one instance of a small server-rendered storefront. Several
//! instances on one database are one shop.
//!
//! Knows nothing of Storewarden: it would be the same shop behind any proxy.

mod account;
mod assets;
mod cart;
mod catalogue;
mod checkout;
mod database;
mod faults;
mod jobs;
mod lamp;
mod orders;
mod payment;
mod reply;
mod shelves;
mod storefront;
mod view;
mod visitor;

use std::{
    collections::BTreeMap, future::Future, net::SocketAddr, path::PathBuf, sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result};
use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use tokio::{
    net::TcpListener,
    sync::{Notify, Semaphore},
    time::sleep,
};

use database::{Database, Lease};
pub use faults::Fault;
use faults::Faults;
pub(crate) use lamp::pictures;
use reply::Failure;

use crate::stage::OrderRow;

/// How long a stopping instance lets its running requests end.
const STOP_WAIT: Duration = Duration::from_secs(10);

/// What one instance needs to know.
#[derive(Debug, Clone)]
pub struct Options {
    /// Said in the `x-instance` header of every response.
    pub name: String,
    /// `postgres://…` or `sqlite:/path/file.db`.
    pub database: String,
    /// Most dynamic pages worked on at once, at least 1; the others wait inside.
    pub capacity: usize,
    /// What each dynamic page costs beside its queries.
    pub work: Duration,
    /// Where its pictures lie, `NAME.svg` each; `None`: it draws them itself.
    pub pictures: Option<PathBuf>,
    /// Confirms orders by a queue in its database, and works on that.
    pub does_jobs: bool,
}

#[derive(Debug)]
struct Shop {
    instance: HeaderValue,
    database: Database,
    capacity: Semaphore,
    work: Duration,
    faults: Faults,
    pictures: BTreeMap<&'static str, String>,
    does_jobs: bool,
}

type Shared = State<Arc<Shop>>;

impl Shop {
    /// A connection to the database, as slow as somebody asked for.
    async fn lease(&self) -> Result<Lease<'_>> {
        let lease = self.database.lease().await?;
        sleep(self.faults.slow_query()).await;
        Ok(lease)
    }
}

/// Serves one instance on `listener` until `stop` completes, then lets the running requests end for
/// at most ten seconds.
///
/// # Errors
/// When the options make no sense or the database can't be reached and filled.
pub async fn serve(
    listener: TcpListener,
    options: Options,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let shop = Arc::new(Shop {
        instance: HeaderValue::from_str(&options.name).context("read the instance's name")?,
        database: Database::at(&options.database)?,
        capacity: Semaphore::new(options.capacity.max(1)),
        work: options.work,
        faults: Faults::default(),
        pictures: lamp::pictures_in(options.pictures.as_deref())?,
        does_jobs: options.does_jobs,
    });
    shop.database.seed().await.context("fill the shop's database")?;

    let stopping = Arc::new(Notify::new());
    let stopped = Arc::clone(&stopping);
    let worker = Arc::clone(&shop);
    let service = router(shop).into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, service).with_graceful_shutdown(async move {
        stop.await;
        stopping.notify_one();
    });
    tokio::select! {
        result = async { server.await } => result.context("serve the shop"),
        () = jobs::work(&worker), if worker.does_jobs => Ok(()),
        () = async { stopped.notified().await; sleep(STOP_WAIT).await } => Ok(()),
    }
}

fn router(shop: Arc<Shop>) -> Router {
    let dynamic = Router::new()
        .route("/", get(storefront::home))
        .route("/category/{slug}", get(storefront::category))
        .route("/product/{slug}", get(storefront::product))
        .route("/search", get(storefront::search))
        .route("/cart", get(cart::show))
        .route("/cart/add", post(cart::add))
        .route("/cart/update", post(cart::update))
        .route("/checkout", get(checkout::form).post(checkout::place))
        .route("/order/{number}", get(orders::show))
        .route("/account", get(account::show))
        .fallback(storefront::missing)
        .layer(middleware::from_fn_with_state(Arc::clone(&shop), work));
    Router::new()
        .route("/health", get(health))
        .route("/__faults", get(faults::show).post(faults::change))
        .route("/assets/{file}", get(assets::serve))
        .merge(dynamic)
        .layer(middleware::from_fn_with_state(Arc::clone(&shop), sign))
        .with_state(shop)
}

/// Says which instance answered.
async fn sign(State(shop): Shared, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert("x-instance", shop.instance.clone());
    response
}

/// What every dynamic page costs: a place among those worked on at once, some work, and whatever
/// fault was asked for.
async fn work(State(shop): Shared, request: Request, next: Next) -> Response {
    let Ok(_place) = shop.capacity.acquire().await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    sleep(shop.work).await;
    shop.faults.leak();
    if shop.faults.fails_now() {
        return Failure::from(anyhow::anyhow!("an error, as asked for")).into_response();
    }
    next.run(request).await
}

/// Whether this instance can sell: 200 when the database answers, else 503.
async fn health(State(shop): Shared) -> Response {
    let answer = async { shop.database.lease().await?.query("select 1", &[]).await };
    let (status, text) = match tokio::time::timeout(Duration::from_secs(3), answer).await {
        Ok(Ok(_)) => (StatusCode::OK, r#"{"ok":true}"#),
        Ok(Err(_)) | Err(_) => (StatusCode::SERVICE_UNAVAILABLE, r#"{"ok":false}"#),
    };
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (status, headers, text).into_response()
}

/// Every order with its customer and cart, by its key.
pub(crate) const ORDERS: &str = "select o.number, c.email, o.cart_id, o.total_minor \
                                 from shop_order o join customer c on c.id = o.customer_id \
                                 order by o.id";

/// The orders that `sql` finds in the database at `url`: number, e-mail, cart and total.
///
/// # Errors
/// When the database can't be read.
pub(crate) async fn read_orders(url: &str, sql: &str) -> Result<Vec<OrderRow>> {
    let database = Database::at(url)?;
    let rows = database.lease().await?.query(sql, &[]).await?;
    rows.iter()
        .map(|row| {
            Ok(OrderRow {
                number: row.text(0)?,
                email: row.text(1)?,
                cart: row.text(2)?,
                total_minor: row.int(3)?,
            })
        })
        .collect()
}

/// Deletes an order of the sample shop with everything that is its own, as somebody does who means
/// another one; the customer and their address stay.
///
/// # Errors
/// When there is no such order, or the database does not let go of it.
pub(crate) async fn delete_order(url: &str, number: &str) -> Result<()> {
    let database = Database::at(url)?;
    let mut lease = database.lease().await?;
    lease.begin().await?;
    let select = "select id, cart_id from shop_order where number = $1";
    let found = lease.query_one(select, &[number.into()]).await?;
    let order = found.with_context(|| format!("there is no order {number}"))?;
    let (id, cart) = (order.int(0)?, order.text(1)?);
    for statement in [
        "delete from payment where order_id = $1",
        "delete from order_line where order_id = $1",
        "delete from shop_order where id = $1",
    ] {
        lease.query(statement, &[id.into()]).await?;
    }
    for statement in ["delete from cart_line where cart_id = $1", "delete from cart where id = $1"]
    {
        lease.query(statement, &[cart.as_str().into()]).await?;
    }
    lease.commit().await
}
