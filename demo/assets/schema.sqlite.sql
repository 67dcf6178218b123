create table if not exists category (
    id integer primary key,
    slug text not null unique,
    name text not null,
    tagline text not null
);
create table if not exists product (
    id integer primary key,
    category_id integer not null references category (id),
    slug text not null unique,
    name text not null,
    material text not null,
    description text not null,
    price_minor integer not null check (price_minor > 0),
    stock integer not null check (stock >= 0)
);
create index if not exists product_category on product (category_id);
create table if not exists customer (
    id integer primary key autoincrement,
    email text not null unique,
    name text not null,
    created_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
create table if not exists address (
    id integer primary key autoincrement,
    customer_id integer not null references customer (id),
    name text not null,
    street text not null,
    postal_code text not null,
    city text not null,
    country text not null
);
create index if not exists address_customer on address (customer_id);
create table if not exists session (
    id text primary key,
    created_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
create table if not exists cart (
    id text primary key,
    session_id text not null references session (id),
    state text not null default 'open' check (state in ('open', 'ordered')),
    created_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
create index if not exists cart_session on cart (session_id);
create table if not exists cart_line (
    cart_id text not null references cart (id) on delete cascade,
    product_id integer not null references product (id),
    quantity integer not null check (quantity > 0),
    primary key (cart_id, product_id)
);
-- The identity is the key that grows: whoever counts new orders reads from the last id on.
-- Unique cart_id is the promise that no cart ever becomes two orders.
create table if not exists shop_order (
    id integer primary key autoincrement,
    number text not null unique,
    cart_id text not null unique references cart (id),
    customer_id integer not null references customer (id),
    address_id integer not null references address (id),
    access_key text not null,
    total_minor integer not null check (total_minor >= 0),
    currency text not null default 'EUR',
    state text not null default 'paid' check (state in ('paid', 'shipped', 'cancelled')),
    placed_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
create index if not exists shop_order_customer on shop_order (customer_id);
create table if not exists order_line (
    order_id integer not null references shop_order (id),
    product_id integer not null references product (id),
    name text not null,
    quantity integer not null check (quantity > 0),
    price_minor integer not null,
    primary key (order_id, product_id)
);
create table if not exists payment (
    id integer primary key autoincrement,
    order_id integer not null unique references shop_order (id),
    provider text not null,
    reference text not null unique,
    amount_minor integer not null,
    state text not null,
    created_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
