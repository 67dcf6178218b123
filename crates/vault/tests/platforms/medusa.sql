-- Medusa 2, after packages/modules/order/src/migrations and the other modules: foreign keys within a module, links
-- between modules without.

--: schema
create table customer (id text primary key, email text, first_name text, last_name text, phone text, created_at timestamptz not null default now(), updated_at timestamptz not null default now(), deleted_at timestamptz);
create table order_address (id text primary key, customer_id text, first_name text, last_name text, address_1 text, city text, postal_code text, phone text, metadata jsonb, created_at timestamptz not null default now(), updated_at timestamptz not null default now(), deleted_at timestamptz);
create table "order" (id text primary key, display_id serial, customer_id text, version integer not null default 1, status text not null, is_draft_order boolean not null default false, email text, currency_code text not null,
  shipping_address_id text references order_address (id) on update cascade on delete cascade, billing_address_id text references order_address (id) on update cascade on delete cascade, metadata jsonb, canceled_at timestamptz, created_at timestamptz not null default now(), updated_at timestamptz not null default now(), deleted_at timestamptz);
create table order_summary (id text primary key, order_id text not null, version integer not null default 1, totals jsonb, created_at timestamptz not null default now(), updated_at timestamptz not null default now(), deleted_at timestamptz);
create table order_line_item (id text primary key, title text not null, variant_id text, unit_price numeric not null, raw_unit_price jsonb not null, created_at timestamptz not null default now(), updated_at timestamptz not null default now(), deleted_at timestamptz);
create table order_item (id text primary key, order_id text not null references "order" (id) on update cascade on delete cascade, version integer not null,
  item_id text not null references order_line_item (id) on update cascade on delete cascade, quantity numeric not null, raw_quantity jsonb not null, created_at timestamptz not null default now(), updated_at timestamptz not null default now(), deleted_at timestamptz);
create table order_line_item_tax_line (id text primary key, item_id text not null references order_line_item (id) on update cascade on delete cascade, code text not null, rate numeric not null, created_at timestamptz not null default now(), updated_at timestamptz not null default now(), deleted_at timestamptz);
create table order_line_item_adjustment (id text primary key, item_id text not null references order_line_item (id) on update cascade on delete cascade, amount numeric not null, created_at timestamptz not null default now(), updated_at timestamptz not null default now(), deleted_at timestamptz);
create table order_shipping_method (id text primary key, name text not null, amount numeric not null, data jsonb, created_at timestamptz not null default now(), updated_at timestamptz not null default now(), deleted_at timestamptz);
create table order_shipping (id text primary key, order_id text not null references "order" (id) on update cascade on delete cascade, version integer not null, shipping_method_id text not null, created_at timestamptz not null default now(), updated_at timestamptz not null default now(), deleted_at timestamptz);
create table order_shipping_method_tax_line (id text primary key, shipping_method_id text not null references order_shipping_method (id) on update cascade on delete cascade, rate numeric not null, created_at timestamptz not null default now(), updated_at timestamptz not null default now(), deleted_at timestamptz);
create table order_change (id text primary key, order_id text not null references "order" (id) on update cascade on delete cascade, version integer not null, description text, created_at timestamptz not null default now(), updated_at timestamptz not null default now(), deleted_at timestamptz);
create table order_change_action (id text primary key, order_id text, ordering bigserial not null, order_change_id text references order_change (id) on update cascade on delete cascade, action text not null, created_at timestamptz not null default now(), updated_at timestamptz not null default now(), deleted_at timestamptz);
create table order_transaction (id text primary key, order_id text not null references "order" (id) on update cascade on delete cascade, amount numeric not null, raw_amount jsonb not null, created_at timestamptz not null default now(), updated_at timestamptz not null default now(), deleted_at timestamptz);
create table "return" (id text primary key, order_id text not null, order_version integer not null, display_id serial, created_at timestamptz not null default now(), updated_at timestamptz not null default now(), deleted_at timestamptz);
create table return_item (id text primary key, return_id text not null, item_id text not null, quantity numeric not null, created_at timestamptz not null default now(), updated_at timestamptz not null default now(), deleted_at timestamptz);
create table order_claim (id text primary key, order_id text not null, order_version integer not null, display_id serial, created_at timestamptz not null default now(), updated_at timestamptz not null default now(), deleted_at timestamptz);
create table order_claim_item (id text primary key, claim_id text not null, item_id text not null, created_at timestamptz not null default now(), updated_at timestamptz not null default now(), deleted_at timestamptz);
create table order_claim_item_image (id text primary key, claim_item_id text not null, url text not null, created_at timestamptz not null default now(), updated_at timestamptz not null default now(), deleted_at timestamptz);
create table order_exchange (id text primary key, order_id text not null, order_version integer not null, display_id serial, created_at timestamptz not null default now(), updated_at timestamptz not null default now(), deleted_at timestamptz);
create table order_exchange_item (id text primary key, exchange_id text not null, item_id text not null, created_at timestamptz not null default now(), updated_at timestamptz not null default now(), deleted_at timestamptz);
create table cart (id text primary key, email text, completed_at timestamptz, created_at timestamptz not null default now(), updated_at timestamptz not null default now(), deleted_at timestamptz);
create table order_cart (order_id varchar(255) not null, cart_id varchar(255) not null, id varchar(255) not null, created_at timestamptz not null default now(), updated_at timestamptz not null default now(), deleted_at timestamptz, primary key (order_id, cart_id));
create table order_promotion (order_id varchar(255) not null, promotion_id varchar(255) not null, id varchar(255) not null, created_at timestamptz not null default now(), updated_at timestamptz not null default now(), deleted_at timestamptz, primary key (order_id, promotion_id));
create table fulfillment_address (id text primary key, first_name text, last_name text, address_1 text, city text, phone text, created_at timestamptz not null default now(), updated_at timestamptz not null default now(), deleted_at timestamptz);
create table fulfillment (id text primary key, packed_at timestamptz, shipped_at timestamptz, delivery_address_id text references fulfillment_address (id) on update cascade on delete set null, created_at timestamptz not null default now(), updated_at timestamptz not null default now(), deleted_at timestamptz);
create table fulfillment_item (id text primary key, title text not null, quantity numeric not null, fulfillment_id text not null references fulfillment (id) on update cascade on delete cascade, created_at timestamptz not null default now(), updated_at timestamptz not null default now(), deleted_at timestamptz);
create table fulfillment_label (id text primary key, tracking_number text not null, fulfillment_id text not null references fulfillment (id) on update cascade on delete cascade, created_at timestamptz not null default now(), updated_at timestamptz not null default now(), deleted_at timestamptz);
create table order_fulfillment (order_id varchar(255) not null, fulfillment_id varchar(255) not null, id varchar(255) not null, created_at timestamptz not null default now(), updated_at timestamptz not null default now(), deleted_at timestamptz, primary key (order_id, fulfillment_id));
create table payment_collection (id text primary key, currency_code text not null, amount numeric not null, created_at timestamptz not null default now(), updated_at timestamptz not null default now(), deleted_at timestamptz);
create table payment_session (id text primary key, data jsonb not null default '{}', context jsonb, payment_collection_id text not null references payment_collection (id) on update cascade on delete cascade, created_at timestamptz not null default now(), updated_at timestamptz not null default now(), deleted_at timestamptz);
create table payment (id text primary key, amount numeric not null, data jsonb, payment_collection_id text not null references payment_collection (id) on update cascade on delete cascade,
  payment_session_id text not null references payment_session (id) on update cascade on delete cascade, created_at timestamptz not null default now(), updated_at timestamptz not null default now(), deleted_at timestamptz);
create table capture (id text primary key, amount numeric not null, payment_id text not null references payment (id) on update cascade on delete cascade, created_at timestamptz not null default now(), updated_at timestamptz not null default now(), deleted_at timestamptz);
create table refund (id text primary key, amount numeric not null, payment_id text not null references payment (id) on update cascade on delete cascade, created_at timestamptz not null default now(), updated_at timestamptz not null default now(), deleted_at timestamptz);
create table order_payment_collection (order_id varchar(255) not null, payment_collection_id varchar(255) not null, id varchar(255) not null, created_at timestamptz not null default now(), updated_at timestamptz not null default now(), deleted_at timestamptz, primary key (order_id, payment_collection_id));
create table reservation_item (id text primary key, line_item_id text, quantity numeric not null, created_at timestamptz not null default now(), updated_at timestamptz not null default now(), deleted_at timestamptz);

--: once
insert into "order" (id, display_id, status, is_draft_order, currency_code) values ('order_draft', 900, 'draft', true, 'eur');

--: order
insert into customer (id, email, first_name, last_name, phone) values ('cus_{n}', '{who}@example.test', '{who}', 'Meier', '0731');
insert into order_address (id, customer_id, first_name, last_name, address_1, city, postal_code, phone, metadata) values ('ordaddr_s{n}', 'cus_{n}', '{who}', 'Meier', 'Weg {n}', 'Ulm', '89073', '0731', '{"name":"{who}"}'), ('ordaddr_b{n}', 'cus_{n}', '{who}', 'Meier', 'Weg {n}', 'Ulm', '89073', '0731', null);
insert into "order" (id, display_id, customer_id, status, email, currency_code, shipping_address_id, billing_address_id, metadata) values ('order_{n}', {n}, 'cus_{n}', 'pending', '{who}@example.test', 'eur', 'ordaddr_s{n}', 'ordaddr_b{n}', '{"erp":"ERP-{n}"}');
insert into order_summary (id, order_id, totals) values ('ordsum_{n}', 'order_{n}', '{"current_order_total": 12.5}');
insert into order_line_item (id, title, variant_id, unit_price, raw_unit_price) values ('ordli_{n}', 'Lamp', 'variant_1', 12.5, '{"value":"12.5"}');
insert into order_item (id, order_id, version, item_id, quantity, raw_quantity) values ('orditem_{n}', 'order_{n}', 1, 'ordli_{n}', {r}, '{"value":"{r}"}'), ('orditem_{n}b', 'order_{n}', 2, 'ordli_{n}', {r}, '{"value":"{r}"}');
insert into order_line_item_tax_line (id, item_id, code, rate) values ('ordlitxl_{n}', 'ordli_{n}', 'VAT', 19);
insert into order_line_item_adjustment (id, item_id, amount) values ('ordliadj_{n}', 'ordli_{n}', 1);
insert into order_shipping_method (id, name, amount, data) values ('ordsm_{n}', 'Post', 4.9, '{}');
insert into order_shipping (id, order_id, version, shipping_method_id) values ('ordspmv_{n}', 'order_{n}', 1, 'ordsm_{n}');
insert into order_shipping_method_tax_line (id, shipping_method_id, rate) values ('ordsmtxl_{n}', 'ordsm_{n}', 19);
insert into order_change (id, order_id, version, description) values ('ordch_{n}', 'order_{n}', 2, 'one more');
insert into order_change_action (id, order_id, order_change_id, action) values ('ordchact_{n}', 'order_{n}', 'ordch_{n}', 'ITEM_ADD'), ('ordchact_{n}b', 'order_{n}', null, 'SHIP_ITEM');
insert into order_transaction (id, order_id, amount, raw_amount) values ('ordtrx_{n}', 'order_{n}', 12.5, '{}');
insert into "return" (id, order_id, order_version) values ('return_{n}', 'order_{n}', 2);
insert into return_item (id, return_id, item_id, quantity) values ('retitem_{n}', 'return_{n}', 'ordli_{n}', 1);
insert into order_claim (id, order_id, order_version) values ('claim_{n}', 'order_{n}', 2);
insert into order_claim_item (id, claim_id, item_id) values ('claitem_{n}', 'claim_{n}', 'ordli_{n}');
insert into order_claim_item_image (id, claim_item_id, url) values ('climg_{n}', 'claitem_{n}', '/static/{n}.png');
insert into order_exchange (id, order_id, order_version) values ('oexc_{n}', 'order_{n}', 2);
insert into order_exchange_item (id, exchange_id, item_id) values ('oexcitem_{n}', 'oexc_{n}', 'ordli_{n}');
insert into cart (id, email) values ('cart_{n}', '{who}@example.test');
insert into order_cart (order_id, cart_id, id) values ('order_{n}', 'cart_{n}', 'ordercart_{n}');
insert into order_promotion (order_id, promotion_id, id) values ('order_{n}', 'promo_1', 'orderpromo_{n}');
insert into fulfillment_address (id, first_name, last_name, address_1, city, phone) values ('fuladdr_{n}', '{who}', 'Meier', 'Weg {n}', 'Ulm', '0731');
insert into fulfillment (id, packed_at, shipped_at, delivery_address_id) values ('ful_{n}', now(), now(), 'fuladdr_{n}');
insert into fulfillment_item (id, title, quantity, fulfillment_id) values ('fulit_{n}', 'Lamp', {r}, 'ful_{n}');
insert into fulfillment_label (id, tracking_number, fulfillment_id) values ('fulla_{n}', '1Z{n}', 'ful_{n}');
insert into order_fulfillment (order_id, fulfillment_id, id) values ('order_{n}', 'ful_{n}', 'ordful_{n}');
insert into payment_collection (id, currency_code, amount) values ('pay_col_{n}', 'eur', 12.5);
insert into payment_session (id, data, context, payment_collection_id) values ('payses_{n}', '{"payer":"{who}"}', '{"customer":"{who}"}', 'pay_col_{n}');
insert into payment (id, amount, data, payment_collection_id, payment_session_id) values ('pay_{n}', 12.5, '{"payer":"{who}"}', 'pay_col_{n}', 'payses_{n}');
insert into capture (id, amount, payment_id) values ('capt_{n}', 12.5, 'pay_{n}');
insert into refund (id, amount, payment_id) values ('ref_{n}', 1, 'pay_{n}');
insert into order_payment_collection (order_id, payment_collection_id, id) values ('order_{n}', 'pay_col_{n}', 'ordpay_{n}');
insert into reservation_item (id, line_item_id, quantity) values ('resitem_{n}', 'ordli_{n}', {r});

--: delete
delete from order_fulfillment where order_id = 'order_{n}';
delete from order_payment_collection where order_id = 'order_{n}';
delete from order_cart where order_id = 'order_{n}';
delete from order_promotion where order_id = 'order_{n}';
delete from fulfillment where id = 'ful_{n}';
delete from fulfillment_address where id = 'fuladdr_{n}';
delete from payment_collection where id = 'pay_col_{n}';
delete from order_change_action where order_id = 'order_{n}';
delete from order_summary where order_id = 'order_{n}';
delete from return_item where return_id = 'return_{n}';
delete from "return" where order_id = 'order_{n}';
delete from order_claim_item_image where claim_item_id = 'claitem_{n}';
delete from order_claim_item where claim_id = 'claim_{n}';
delete from order_claim where order_id = 'order_{n}';
delete from order_exchange_item where exchange_id = 'oexc_{n}';
delete from order_exchange where order_id = 'order_{n}';
delete from order_shipping_method where id = 'ordsm_{n}';
delete from order_line_item where id = 'ordli_{n}';
delete from "order" where id = 'order_{n}';
delete from order_address where id in ('ordaddr_s{n}', 'ordaddr_b{n}');
delete from reservation_item where line_item_id = 'ordli_{n}';

--: soft
update "order" set deleted_at = now() where id = 'order_{n}';
update order_item set deleted_at = now() where order_id = 'order_{n}';
update order_summary set deleted_at = now() where order_id = 'order_{n}';

--: reuse
insert into "order" (id, display_id, status, currency_code) values ('order_other', {n}, 'pending', 'eur');

--: stays
reservation_item
