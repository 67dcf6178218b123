//! Reading the shelves: categories and products as the pages show them.

use anyhow::Result;

use super::database::{Lease, Row};

#[derive(Debug)]
pub(super) struct Category {
    pub(super) slug: String,
    pub(super) name: String,
    pub(super) tagline: String,
}

#[derive(Debug)]
pub(super) struct Product {
    pub(super) slug: String,
    pub(super) name: String,
    pub(super) category_slug: String,
    pub(super) category_name: String,
    pub(super) material: String,
    pub(super) description: String,
    pub(super) price_minor: i64,
    pub(super) stock: i64,
}

const PRODUCT: &str = "select p.slug, p.name, c.slug, c.name, p.material, p.description, \
                       p.price_minor, p.stock from product p join category c on c.id = p.category_id";

pub(super) async fn categories(lease: &mut Lease<'_>) -> Result<Vec<Category>> {
    let rows = lease.query("select slug, name, tagline from category order by id", &[]).await?;
    rows.iter().map(category_of).collect()
}

pub(super) async fn category(lease: &mut Lease<'_>, slug: &str) -> Result<Option<Category>> {
    let sql = "select slug, name, tagline from category where slug = $1";
    lease.query_one(sql, &[slug.into()]).await?.as_ref().map(category_of).transpose()
}

pub(super) async fn all_products(lease: &mut Lease<'_>) -> Result<Vec<Product>> {
    products(&lease.query(&format!("{PRODUCT} order by p.id"), &[]).await?)
}

pub(super) async fn products_of(lease: &mut Lease<'_>, category: &str) -> Result<Vec<Product>> {
    let sql = format!("{PRODUCT} where c.slug = $1 order by p.id");
    products(&lease.query(&sql, &[category.into()]).await?)
}

pub(super) async fn product(lease: &mut Lease<'_>, slug: &str) -> Result<Option<Product>> {
    let sql = format!("{PRODUCT} where p.slug = $1");
    Ok(products(&lease.query(&sql, &[slug.into()]).await?)?.pop())
}

/// Products in whose name, material, description or category the words occur, best first.
pub(super) async fn search(lease: &mut Lease<'_>, words: &str) -> Result<Vec<Product>> {
    let sql = format!(
        "{PRODUCT} where lower(p.name || ' ' || p.material || ' ' || c.name || ' ' || \
         p.description) like $1 escape '!' order by case when lower(p.name) like $1 escape '!' \
         then 0 else 1 end, p.id"
    );
    let pattern = words.to_lowercase().replace('!', "!!").replace('%', "!%").replace('_', "!_");
    products(&lease.query(&sql, &[format!("%{pattern}%").as_str().into()]).await?)
}

fn category_of(row: &Row) -> Result<Category> {
    Ok(Category { slug: row.text(0)?, name: row.text(1)?, tagline: row.text(2)? })
}

fn products(rows: &[Row]) -> Result<Vec<Product>> {
    let read = |row: &Row| {
        Ok(Product {
            slug: row.text(0)?,
            name: row.text(1)?,
            category_slug: row.text(2)?,
            category_name: row.text(3)?,
            material: row.text(4)?,
            description: row.text(5)?,
            price_minor: row.int(6)?,
            stock: row.int(7)?,
        })
    };
    rows.iter().map(read).collect()
}
