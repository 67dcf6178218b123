-- Saleor 3, after saleor/order/models.py, payment/models.py, invoice/models.py, warehouse/models.py and their
-- migrations: Django leaves what a deletion does to itself, so that foreign keys only hold.

--: schema
create table account_address (id integer primary key, first_name varchar(256) not null, last_name varchar(256) not null, company_name varchar(256) not null default '', street_address_1 varchar(256) not null,
  street_address_2 varchar(256) not null default '', city varchar(256) not null, city_area varchar(128) not null default '', postal_code varchar(20) not null, phone varchar(128) not null, country varchar(2) not null);
create table account_user (id integer primary key, email varchar(254) not null unique, first_name varchar(256) not null, last_name varchar(256) not null, note text, password varchar(128) not null,
  default_shipping_address_id integer references account_address (id) deferrable initially deferred);
create table channel_channel (id integer primary key, name varchar(250) not null);
create table order_order (id uuid primary key, number integer not null unique, status varchar(32) not null, created_at timestamptz not null, user_email varchar(254) not null, customer_note text not null,
  metadata jsonb not null default '{}', private_metadata jsonb not null default '{}', total_gross_amount numeric(20,3) not null, channel_id integer not null references channel_channel (id) deferrable initially deferred,
  user_id integer references account_user (id) deferrable initially deferred, billing_address_id integer references account_address (id) deferrable initially deferred,
  shipping_address_id integer references account_address (id) deferrable initially deferred, original_id uuid references order_order (id) deferrable initially deferred);
create table order_orderline (id uuid primary key, order_id uuid not null references order_order (id) deferrable initially deferred, product_name varchar(386) not null, quantity integer not null,
  quantity_fulfilled integer not null, is_gift boolean not null default false);
create table order_fulfillment (id integer primary key, fulfillment_order integer not null, order_id uuid not null references order_order (id) deferrable initially deferred, tracking_number varchar(255) not null);
create table order_fulfillmentline (id integer primary key, order_line_id uuid not null references order_orderline (id) deferrable initially deferred, fulfillment_id integer not null references order_fulfillment (id) deferrable initially deferred, quantity integer not null);
create table order_orderevent (id integer primary key, order_id uuid not null references order_order (id) deferrable initially deferred, type varchar(255) not null, parameters jsonb not null, related_id integer references order_orderevent (id) deferrable initially deferred);
create table order_ordergrantedrefund (id integer primary key, order_id uuid not null references order_order (id) deferrable initially deferred, amount_value numeric(12,3) not null);
create table order_ordergrantedrefundline (id integer primary key, granted_refund_id integer not null references order_ordergrantedrefund (id) deferrable initially deferred, order_line_id uuid not null references order_orderline (id) deferrable initially deferred);
create table warehouse_stock (id integer primary key, quantity integer not null, quantity_allocated integer not null);
create table warehouse_allocation (id integer primary key, order_line_id uuid not null references order_orderline (id) deferrable initially deferred, stock_id integer not null references warehouse_stock (id) deferrable initially deferred, quantity_allocated integer not null);
create table discount_orderdiscount (id uuid primary key, order_id uuid references order_order (id) deferrable initially deferred, value numeric(12,3) not null);
create table discount_orderlinediscount (id uuid primary key, line_id uuid references order_orderline (id) deferrable initially deferred, value numeric(12,3) not null);
create table payment_payment (id integer primary key, order_id uuid references order_order (id) deferrable initially deferred, gateway varchar(255) not null, billing_email varchar(254) not null, billing_first_name varchar(256) not null,
  customer_ip_address inet, cc_last_digits varchar(4) not null default '', total numeric(12,3) not null);
create table payment_transaction (id integer primary key, payment_id integer not null references payment_payment (id) deferrable initially deferred, token varchar(512) not null, amount numeric(12,3) not null);
create table payment_transactionitem (id integer primary key, token uuid not null unique, order_id uuid references order_order (id) deferrable initially deferred);
create table payment_transactionevent (id integer primary key, transaction_id integer references payment_transactionitem (id) deferrable initially deferred, amount_value numeric(12,3) not null);
create table invoice_invoice (id integer primary key, order_id uuid references order_order (id) deferrable initially deferred, number varchar(255));
create table invoice_invoiceevent (id integer primary key, invoice_id integer references invoice_invoice (id) deferrable initially deferred, order_id uuid references order_order (id) deferrable initially deferred, type varchar(255) not null);
create table account_customerevent (id integer primary key, order_id uuid references order_order (id) deferrable initially deferred, user_id integer references account_user (id) deferrable initially deferred, type varchar(255) not null);

--: once
insert into channel_channel values (1, 'default');
insert into warehouse_stock values (1, 100, 0);
insert into order_order (id, number, status, created_at, user_email, customer_note, total_gross_amount, channel_id) values (md5('draft')::uuid, 900, 'draft', now(), '', '', 0, 1);

--: order
insert into account_address values ({n} * 3, '{who}', 'Meier', '', 'Weg {n}', '', 'Ulm', '', '89073', '0731', 'DE'), ({n} * 3 + 1, '{who}', 'Meier', '', 'Weg {n}', '', 'Ulm', '', '89073', '0731', 'DE'), ({n} * 3 + 2, '{who}', 'Meier', '', 'Weg {n}', '', 'Ulm', '', '89073', '0731', 'DE');
insert into account_user values ({n}, '{who}@example.test', '{who}', 'Meier', null, 'x', {n} * 3);
insert into order_order values (md5('order-{n}')::uuid, {n}, 'unfulfilled', timestamptz '2024-03-01 10:00:00Z' + interval '{n} hours', '{who}@example.test', 'for {who}', '{}', '{"erp": "ERP-{n}"}', 12.5 + {r}, 1, {n}, {n} * 3 + 1, {n} * 3 + 2, null);
insert into order_orderline values (md5('line-{n}')::uuid, md5('order-{n}')::uuid, 'Lamp', {r}, 1);
insert into order_fulfillment values ({n}, 1, md5('order-{n}')::uuid, '1Z{n}');
insert into order_fulfillmentline values ({n}, md5('line-{n}')::uuid, {n}, 1);
insert into order_orderevent values ({n} * 2, md5('order-{n}')::uuid, 'placed', '{}', null), ({n} * 2 + 1, md5('order-{n}')::uuid, 'email_sent', '{"email": "{who}@example.test"}', {n} * 2);
insert into order_ordergrantedrefund values ({n}, md5('order-{n}')::uuid, 1);
insert into order_ordergrantedrefundline values ({n}, {n}, md5('line-{n}')::uuid);
insert into warehouse_allocation values ({n}, md5('line-{n}')::uuid, 1, 1);
insert into discount_orderdiscount values (md5('discount-{n}')::uuid, md5('order-{n}')::uuid, 1);
insert into discount_orderlinediscount values (md5('linediscount-{n}')::uuid, md5('line-{n}')::uuid, 1);
insert into payment_payment values ({n}, md5('order-{n}')::uuid, 'dummy', '{who}@example.test', '{who}', '10.0.0.1', '1111', 12.5);
insert into payment_transaction values ({n}, {n}, 'token', 12.5);
insert into payment_transactionitem values ({n}, md5('item-{n}')::uuid, md5('order-{n}')::uuid);
insert into payment_transactionevent values ({n}, {n}, 12.5);
insert into invoice_invoice values ({n}, md5('order-{n}')::uuid, 'I{n}');
insert into invoice_invoiceevent values ({n}, {n}, md5('order-{n}')::uuid, 'created');
insert into account_customerevent values ({n}, md5('order-{n}')::uuid, {n}, 'placed_order');

--: delete
delete from invoice_invoiceevent where order_id = md5('order-{n}')::uuid;
delete from invoice_invoice where order_id = md5('order-{n}')::uuid;
delete from payment_transactionevent where transaction_id = {n};
delete from payment_transactionitem where order_id = md5('order-{n}')::uuid;
delete from payment_transaction where payment_id = {n};
delete from payment_payment where order_id = md5('order-{n}')::uuid;
delete from discount_orderlinediscount where line_id = md5('line-{n}')::uuid;
delete from discount_orderdiscount where order_id = md5('order-{n}')::uuid;
delete from warehouse_allocation where order_line_id = md5('line-{n}')::uuid;
delete from order_ordergrantedrefundline where granted_refund_id = {n};
delete from order_ordergrantedrefund where order_id = md5('order-{n}')::uuid;
delete from order_orderevent where id = {n} * 2 + 1;
delete from order_orderevent where order_id = md5('order-{n}')::uuid;
delete from order_fulfillmentline where fulfillment_id = {n};
delete from order_fulfillment where order_id = md5('order-{n}')::uuid;
delete from order_orderline where order_id = md5('order-{n}')::uuid;
update account_customerevent set order_id = null where order_id = md5('order-{n}')::uuid;
delete from order_order where id = md5('order-{n}')::uuid;
delete from account_address where id in ({n} * 3 + 1, {n} * 3 + 2);
update warehouse_stock set quantity = quantity + 1;

--: reuse
insert into order_order (id, number, status, created_at, user_email, customer_note, total_gross_amount, channel_id) values (md5('other')::uuid, {n}, 'unfulfilled', now(), '', '', 0, 1);

--: stays
warehouse_stock
