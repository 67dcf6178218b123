-- PrestaShop, after install-dev/data/db_structure.sql: no foreign keys, and tables without any key.

--: schema
create table ps_customer (id_customer int unsigned not null auto_increment primary key, company varchar(255), firstname varchar(255) not null, lastname varchar(255) not null,
  email varchar(255) not null, passwd varchar(255) not null, birthday date, ip_registration_newsletter varchar(15), note text, key customer_email (email));
create table ps_address (id_address int unsigned not null auto_increment primary key, id_customer int unsigned not null default 0, alias varchar(32) not null,
  lastname varchar(255) not null, firstname varchar(255) not null, address1 varchar(128) not null, postcode varchar(12), city varchar(64) not null,
  phone varchar(32), deleted tinyint unsigned not null default 0);
create table ps_cart (id_cart int unsigned not null auto_increment primary key, id_customer int unsigned not null, id_address_delivery int unsigned not null, date_add datetime not null);
create table ps_cart_product (id_cart int unsigned not null, id_product int unsigned not null, id_address_delivery int unsigned not null default 0,
  id_product_attribute int unsigned not null default 0, id_customization int unsigned not null default 0, quantity int unsigned not null,
  primary key (id_cart, id_product, id_product_attribute, id_customization, id_address_delivery));
create table ps_cart_cart_rule (id_cart int unsigned not null, id_cart_rule int unsigned not null, primary key (id_cart, id_cart_rule));
create table ps_customization (id_customization int unsigned not null auto_increment primary key, id_cart int unsigned not null, id_product int not null, quantity int not null);
create table ps_customized_data (id_customization int unsigned not null, type tinyint(1) not null, `index` int not null, value varchar(1024) not null,
  primary key (id_customization, type, `index`));
create table ps_orders (id_order int unsigned not null auto_increment primary key, reference varchar(9), id_customer int unsigned not null, id_cart int unsigned not null,
  id_address_delivery int unsigned not null, id_address_invoice int unsigned not null, current_state int unsigned not null, total_paid decimal(20,6) not null,
  gift_message text, date_add datetime not null, date_upd datetime not null, key reference (reference), key id_cart (id_cart));
create table ps_order_detail (id_order_detail int unsigned not null auto_increment primary key, id_order int unsigned not null, id_order_invoice int, product_id int unsigned not null,
  product_name varchar(255) not null, product_quantity int unsigned not null default 0, key order_detail_order (id_order));
create table ps_order_detail_tax (id_order_detail int not null, id_tax int not null, unit_amount decimal(16,6) not null default 0, total_amount decimal(16,6) not null default 0,
  key id_order_detail (id_order_detail), key id_tax (id_tax));
create table ps_order_invoice (id_order_invoice int unsigned not null auto_increment primary key, id_order int not null, number int not null, note text, date_add datetime not null, key id_order (id_order));
create table ps_order_invoice_tax (id_order_invoice int not null, type varchar(15) not null, id_tax int not null, amount decimal(10,6) not null default 0, key id_tax (id_tax));
create table ps_order_invoice_payment (id_order_invoice int unsigned not null, id_order_payment int unsigned not null, id_order int unsigned not null,
  primary key (id_order_invoice, id_order_payment));
create table ps_order_payment (id_order_payment int not null auto_increment primary key, order_reference varchar(9), amount decimal(20,6) not null, payment_method varchar(255) not null,
  card_number varchar(254), card_holder varchar(254), date_add datetime not null, key order_reference (order_reference));
create table ps_order_history (id_order_history int unsigned not null auto_increment primary key, id_order int unsigned not null, id_order_state int unsigned not null, date_add datetime not null, key order_history_order (id_order));
create table ps_order_carrier (id_order_carrier int not null auto_increment primary key, id_order int unsigned not null, tracking_number varchar(64), key id_order (id_order));
create table ps_order_cart_rule (id_order_cart_rule int unsigned not null auto_increment primary key, id_order int unsigned not null, name varchar(254) not null, key id_order (id_order));
create table ps_order_return (id_order_return int unsigned not null auto_increment primary key, id_customer int unsigned not null, id_order int unsigned not null, question text not null, key id_order (id_order));
create table ps_order_return_detail (id_order_return int unsigned not null, id_order_detail int unsigned not null, id_customization int unsigned not null default 0, product_quantity int unsigned not null default 0,
  primary key (id_order_return, id_order_detail, id_customization));
create table ps_order_slip (id_order_slip int unsigned not null auto_increment primary key, id_customer int unsigned not null, id_order int unsigned not null, amount decimal(20,6) not null, key id_order (id_order));
create table ps_order_slip_detail (id_order_slip int unsigned not null, id_order_detail int unsigned not null, product_quantity int unsigned not null default 0, primary key (id_order_slip, id_order_detail));
create table ps_customer_thread (id_customer_thread int unsigned not null auto_increment primary key, id_order int unsigned, email varchar(255) not null, token varchar(12), key id_order (id_order));
create table ps_customer_message (id_customer_message int unsigned not null auto_increment primary key, id_customer_thread int, message mediumtext not null, ip_address varchar(16), key id_customer_thread (id_customer_thread));
create table ps_message (id_message int unsigned not null auto_increment primary key, id_order int unsigned not null, message text not null, key message_order (id_order));
create table ps_message_readed (id_message int unsigned not null, id_employee int unsigned not null, primary key (id_message, id_employee));
create table ps_stock_available (id_stock_available int unsigned not null auto_increment primary key, id_product int unsigned not null, physical_quantity int not null, reserved_quantity int not null);

--: once
insert into ps_stock_available values (1, 5, 100, 10);

--: order
insert into ps_customer values ({n}, null, '{who}', 'Meier', '{who}@example.test', 'x', '1990-01-01', '10.0.0.1', 'knows {who}');
insert into ps_address values ({n} * 2, {n}, '{who}', 'Meier', '{who}', 'Weg {n}', '89073', 'Ulm', '0731', 0), ({n} * 2 + 1, {n}, 'office', 'Meier', '{who}', 'Weg {n}', '89073', 'Ulm', '0731', 0);
insert into ps_cart values ({n}, {n}, {n} * 2, '2024-03-01 10:00:00');
insert into ps_cart_product values ({n}, 5, {n} * 2, 0, 0, {r}), ({n}, 6, {n} * 2, 0, {n}, 1);
insert into ps_cart_cart_rule values ({n}, 3);
insert into ps_customization values ({n}, {n}, 6, 1);
insert into ps_customized_data values ({n}, 1, 2, 'For {who}');
insert into ps_orders values ({n}, concat('REF', {n}), {n}, {n}, {n} * 2, {n} * 2 + 1, 2, 12.5 + {r}, 'love, {who}', date_add('2024-03-01 10:00:00', interval {n} hour), '2024-03-01 10:00:00');
insert into ps_orders values ({n} + 500, concat('REF', {n}), {n}, {n}, {n} * 2, {n} * 2 + 1, 2, 3, null, date_add('2024-03-01 10:00:00', interval {n} hour), '2024-03-01 10:00:00');
insert into ps_order_invoice values ({n}, {n}, {n}, null, '2024-03-01 10:00:00');
insert into ps_order_invoice_tax values ({n}, 'shipping', 1, 0.9);
insert into ps_order_detail values ({n} * 2, {n}, {n}, 5, 'Lamp', {r}), ({n} * 2 + 1, {n}, {n}, 6, 'Plate', 1);
insert into ps_order_detail_tax values ({n} * 2, 1, 1.9, 1.9 * {r}), ({n} * 2 + 1, 1, 0.5, 0.5);
insert into ps_order_payment values ({n}, concat('REF', {n}), 15.5, 'Bank', '4111{n}', '{who} Meier', '2024-03-01 10:00:00');
insert into ps_order_invoice_payment values ({n}, {n}, {n});
insert into ps_order_history values ({n}, {n}, 2, '2024-03-01 10:00:00');
insert into ps_order_carrier values ({n}, {n}, '1Z{n}');
insert into ps_order_cart_rule values ({n}, {n}, 'Welcome');
insert into ps_order_return values ({n}, {n}, {n}, 'It is broken');
insert into ps_order_return_detail values ({n}, {n} * 2, 0, 1);
insert into ps_order_slip values ({n}, {n}, {n}, 1);
insert into ps_order_slip_detail values ({n}, {n} * 2, 1);
insert into ps_customer_thread values ({n}, {n}, '{who}@example.test', 'token');
insert into ps_customer_message values ({n}, {n}, 'Yours, {who}', '10.0.0.1');
insert into ps_message values ({n}, {n}, 'for {who}');
insert into ps_message_readed values ({n}, 1);

--: delete
delete from ps_order_detail_tax where id_order_detail in ({n} * 2, {n} * 2 + 1);
delete from ps_order_invoice_tax where id_order_invoice = {n};
delete from ps_order_invoice_payment where id_order = {n};
delete from ps_order_return_detail where id_order_return = {n};
delete from ps_order_slip_detail where id_order_slip = {n};
delete from ps_customer_message where id_customer_thread = {n};
delete from ps_message_readed where id_message = {n};
delete from ps_order_detail where id_order = {n};
delete from ps_order_invoice where id_order = {n};
delete from ps_order_payment where order_reference = concat('REF', {n});
delete from ps_order_history where id_order = {n};
delete from ps_order_carrier where id_order = {n};
delete from ps_order_cart_rule where id_order = {n};
delete from ps_order_return where id_order = {n};
delete from ps_order_slip where id_order = {n};
delete from ps_customer_thread where id_order = {n};
delete from ps_message where id_order = {n};
delete from ps_cart_product where id_cart = {n};
delete from ps_cart_cart_rule where id_cart = {n};
delete from ps_customized_data where id_customization = {n};
delete from ps_customization where id_cart = {n};
delete from ps_cart where id_cart = {n};
delete from ps_address where id_address = {n} * 2;
delete from ps_orders where id_order = {n};
update ps_stock_available set reserved_quantity = reserved_quantity - {r};

--: reuse
insert into ps_orders values ({n}, 'OTHER', 1, 1, 1, 1, 1, 1, null, '2025-01-01 10:00:00', '2025-01-01 10:00:00');

--: key
{n}

--: stays
ps_stock_available
