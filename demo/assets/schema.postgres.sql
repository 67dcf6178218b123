create table if not exists category (
    id bigint primary key,
    slug text not null unique,
    name text not null,
    tagline text not null
);
create table if not exists product (
    id bigint primary key,
    category_id bigint not null references category (id),
    slug text not null unique,
    name text not null,
    material text not null,
    description text not null,
    price_minor bigint not null check (price_minor > 0),
    stock bigint not null check (stock >= 0)
);
create index if not exists product_category on product (category_id);
create table if not exists customer (
    id bigint generated always as identity primary key,
    email text not null unique,
    name text not null,
    created_at timestamptz not null default now()
);
create table if not exists address (
    id bigint generated always as identity primary key,
    customer_id bigint not null references customer (id),
    name text not null,
    street text not null,
    postal_code text not null,
    city text not null,
    country text not null
);
create index if not exists address_customer on address (customer_id);
create table if not exists session (
    id text primary key,
    created_at timestamptz not null default now()
);
create table if not exists cart (
    id text primary key,
    session_id text not null references session (id),
    state text not null default 'open' check (state in ('open', 'ordered')),
    created_at timestamptz not null default now()
);
create index if not exists cart_session on cart (session_id);
create table if not exists cart_line (
    cart_id text not null references cart (id) on delete cascade,
    product_id bigint not null references product (id),
    quantity bigint not null check (quantity > 0),
    primary key (cart_id, product_id)
);
-- The identity is the key that grows: whoever counts new orders reads from the last id on.
-- Unique cart_id is the promise that no cart ever becomes two orders.
create table if not exists shop_order (
    id bigint generated always as identity primary key,
    number text not null unique,
    cart_id text not null unique references cart (id),
    customer_id bigint not null references customer (id),
    address_id bigint not null references address (id),
    access_key text not null,
    total_minor bigint not null check (total_minor >= 0),
    currency text not null default 'EUR',
    state text not null default 'paid' check (state in ('paid', 'shipped', 'cancelled')),
    placed_at timestamptz not null default now()
);
create index if not exists shop_order_customer on shop_order (customer_id);
create table if not exists order_line (
    order_id bigint not null references shop_order (id),
    product_id bigint not null references product (id),
    name text not null,
    quantity bigint not null check (quantity > 0),
    price_minor bigint not null,
    primary key (order_id, product_id)
);
create table if not exists payment (
    id bigint generated always as identity primary key,
    order_id bigint not null unique references shop_order (id),
    provider text not null,
    reference text not null unique,
    amount_minor bigint not null,
    state text not null,
    created_at timestamptz not null default now()
);
