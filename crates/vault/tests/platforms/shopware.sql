-- Shopware 6, after src/Core/Migration and the definitions in src/Core/Checkout/Order: keys of 16 bytes with a
-- version, generated columns, a circle of order and address.

--: schema
create table currency (id binary(16) not null primary key, iso_code char(3) not null);
create table customer (id binary(16) not null primary key, email varchar(254) not null, first_name varchar(255) not null, last_name varchar(255) not null, created_at datetime(3) not null);
create table `order` (id binary(16) not null, version_id binary(16) not null, auto_increment bigint unsigned not null auto_increment, order_number varchar(64), billing_address_id binary(16) not null,
  billing_address_version_id binary(16) not null, currency_id binary(16) not null, order_date_time datetime(3) not null, order_date date generated always as (cast(order_date_time as date)) stored,
  price json not null, amount_total double generated always as (json_unquote(json_extract(price, '$.totalPrice'))) virtual, customer_comment longtext, deep_link_code varchar(32),
  created_at datetime(3) not null, updated_at datetime(3), primary key (id, version_id), unique key `uniq.auto_increment` (auto_increment),
  foreign key (currency_id) references currency (id));
create table order_customer (id binary(16) not null, version_id binary(16) not null, customer_id binary(16), order_id binary(16) not null, order_version_id binary(16) not null, email varchar(254) not null,
  first_name varchar(255) not null, last_name varchar(255) not null, vat_ids json, remote_address varchar(255), primary key (id, version_id),
  foreign key (customer_id) references customer (id) on delete set null, foreign key (order_id, order_version_id) references `order` (id, version_id) on delete cascade);
create table order_address (id binary(16) not null, version_id binary(16) not null, order_id binary(16) not null, order_version_id binary(16) not null, first_name varchar(255) not null,
  last_name varchar(255) not null, street varchar(255) not null, zipcode varchar(50), city varchar(70) not null, phone_number varchar(40), primary key (id, version_id),
  foreign key (order_id, order_version_id) references `order` (id, version_id) on delete cascade);
create table order_line_item (id binary(16) not null, version_id binary(16) not null, order_id binary(16) not null, order_version_id binary(16) not null, parent_id binary(16), parent_version_id binary(16),
  label varchar(255) not null, quantity int not null, price json not null, total_price double generated always as (json_unquote(json_extract(price, '$.totalPrice'))) virtual, primary key (id, version_id),
  foreign key (order_id, order_version_id) references `order` (id, version_id) on delete cascade,
  foreign key (parent_id, parent_version_id) references order_line_item (id, version_id) on delete cascade);
create table order_line_item_download (id binary(16) not null, version_id binary(16) not null, order_line_item_id binary(16) not null, order_line_item_version_id binary(16) not null, primary key (id, version_id),
  foreign key (order_line_item_id, order_line_item_version_id) references order_line_item (id, version_id) on delete cascade);
create table order_delivery (id binary(16) not null, version_id binary(16) not null, order_id binary(16) not null, order_version_id binary(16) not null, shipping_order_address_id binary(16),
  shipping_order_address_version_id binary(16), tracking_codes json not null, primary key (id, version_id), foreign key (order_id, order_version_id) references `order` (id, version_id) on delete cascade);
create table order_delivery_position (id binary(16) not null, version_id binary(16) not null, order_delivery_id binary(16) not null, order_delivery_version_id binary(16) not null, order_line_item_id binary(16) not null,
  order_line_item_version_id binary(16) not null, primary key (id, version_id), foreign key (order_delivery_id, order_delivery_version_id) references order_delivery (id, version_id) on delete cascade,
  foreign key (order_line_item_id, order_line_item_version_id) references order_line_item (id, version_id) on delete cascade);
create table order_transaction (id binary(16) not null, version_id binary(16) not null, order_id binary(16) not null, order_version_id binary(16) not null, amount json not null, primary key (id, version_id),
  foreign key (order_id, order_version_id) references `order` (id, version_id) on delete cascade);
create table order_transaction_capture (id binary(16) not null, version_id binary(16) not null, order_transaction_id binary(16) not null, order_transaction_version_id binary(16) not null, amount json not null,
  primary key (id, version_id), foreign key (order_transaction_id, order_transaction_version_id) references order_transaction (id, version_id) on delete cascade);
create table tag (id binary(16) not null primary key, name varchar(255) not null);
create table order_tag (order_id binary(16) not null, order_version_id binary(16) not null, tag_id binary(16) not null, primary key (order_id, order_version_id, tag_id),
  foreign key (order_id, order_version_id) references `order` (id, version_id) on delete cascade, foreign key (tag_id) references tag (id) on delete cascade);
create table document (id binary(16) not null primary key, order_id binary(16) not null, order_version_id binary(16) not null, config json, foreign key (order_id, order_version_id) references `order` (id, version_id) on delete cascade);
create table state_machine_history (id binary(16) not null primary key, referenced_id binary(16) not null, referenced_version_id binary(16) not null, entity_name varchar(100) not null, action_name varchar(255),
  key referenced (referenced_id, referenced_version_id));
create table number_range_state (id binary(16) not null primary key, last_value int not null);

--: once
insert into currency values (unhex(md5('eur')), 'EUR');
insert into tag values (unhex(md5('vip')), 'VIP');
insert into number_range_state values (unhex(md5('range')), 10007);

--: order
insert into customer values (unhex(md5('customer-{n}')), '{who}@example.test', '{who}', 'Meier', '2024-01-01 00:00:00');
insert into `order` (id, version_id, auto_increment, order_number, billing_address_id, billing_address_version_id, currency_id, order_date_time, price, customer_comment, deep_link_code, created_at)
  values (unhex(md5('order-{n}')), 0x0fa91ce3e96a4bc2be4bd9ce752c3425, {n}, '{n}0000', unhex(md5('address-{n}')), 0x0fa91ce3e96a4bc2be4bd9ce752c3425, unhex(md5('eur')), '2024-03-01 10:00:00.123', '{"totalPrice": 12.5}', 'for {who}', 'link{n}', date_add('2024-03-01 10:00:00', interval {n} hour));
insert into order_customer values (unhex(md5('order_customer-{n}')), 0x0fa91ce3e96a4bc2be4bd9ce752c3425, unhex(md5('customer-{n}')), unhex(md5('order-{n}')), 0x0fa91ce3e96a4bc2be4bd9ce752c3425, '{who}@example.test', '{who}', 'Meier', null, '10.0.0.1');
insert into order_address values (unhex(md5('address-{n}')), 0x0fa91ce3e96a4bc2be4bd9ce752c3425, unhex(md5('order-{n}')), 0x0fa91ce3e96a4bc2be4bd9ce752c3425, '{who}', 'Meier', 'Weg {n}', '89073', 'Ulm', '0731');
insert into order_line_item (id, version_id, order_id, order_version_id, label, quantity, price) values (unhex(md5('line-{n}')), 0x0fa91ce3e96a4bc2be4bd9ce752c3425, unhex(md5('order-{n}')), 0x0fa91ce3e96a4bc2be4bd9ce752c3425, 'Lamp', {r}, '{"totalPrice": 12.5}');
insert into order_line_item (id, version_id, order_id, order_version_id, parent_id, parent_version_id, label, quantity, price) values (unhex(md5('part-{n}')), 0x0fa91ce3e96a4bc2be4bd9ce752c3425, unhex(md5('order-{n}')), 0x0fa91ce3e96a4bc2be4bd9ce752c3425, unhex(md5('line-{n}')), 0x0fa91ce3e96a4bc2be4bd9ce752c3425, 'Shade', 1, '{"totalPrice": 0}');
insert into order_line_item_download values (unhex(md5('download-{n}')), 0x0fa91ce3e96a4bc2be4bd9ce752c3425, unhex(md5('line-{n}')), 0x0fa91ce3e96a4bc2be4bd9ce752c3425);
insert into order_delivery values (unhex(md5('delivery-{n}')), 0x0fa91ce3e96a4bc2be4bd9ce752c3425, unhex(md5('order-{n}')), 0x0fa91ce3e96a4bc2be4bd9ce752c3425, unhex(md5('address-{n}')), 0x0fa91ce3e96a4bc2be4bd9ce752c3425, '["1Z{n}"]');
insert into order_delivery_position values (unhex(md5('position-{n}')), 0x0fa91ce3e96a4bc2be4bd9ce752c3425, unhex(md5('delivery-{n}')), 0x0fa91ce3e96a4bc2be4bd9ce752c3425, unhex(md5('line-{n}')), 0x0fa91ce3e96a4bc2be4bd9ce752c3425);
insert into order_transaction values (unhex(md5('transaction-{n}')), 0x0fa91ce3e96a4bc2be4bd9ce752c3425, unhex(md5('order-{n}')), 0x0fa91ce3e96a4bc2be4bd9ce752c3425, '{"totalPrice": 12.5}');
insert into order_transaction_capture values (unhex(md5('capture-{n}')), 0x0fa91ce3e96a4bc2be4bd9ce752c3425, unhex(md5('transaction-{n}')), 0x0fa91ce3e96a4bc2be4bd9ce752c3425, '{"totalPrice": 12.5}');
insert into order_tag values (unhex(md5('order-{n}')), 0x0fa91ce3e96a4bc2be4bd9ce752c3425, unhex(md5('vip')));
insert into document values (unhex(md5('document-{n}')), unhex(md5('order-{n}')), 0x0fa91ce3e96a4bc2be4bd9ce752c3425, '{"name": "{who}"}');
insert into state_machine_history values (unhex(md5('h1-{n}')), unhex(md5('order-{n}')), 0x0fa91ce3e96a4bc2be4bd9ce752c3425, 'order', 'process'), (unhex(md5('h2-{n}')), unhex(md5('delivery-{n}')), 0x0fa91ce3e96a4bc2be4bd9ce752c3425, 'order_delivery', 'ship'), (unhex(md5('h3-{n}')), unhex(md5('transaction-{n}')), 0x0fa91ce3e96a4bc2be4bd9ce752c3425, 'order_transaction', 'paid'), (unhex(md5('h4-{n}')), unhex(md5('capture-{n}')), 0x0fa91ce3e96a4bc2be4bd9ce752c3425, 'order_transaction_capture', 'complete');

--: delete
delete from `order` where id = unhex(md5('order-{n}'));
delete from state_machine_history where referenced_id in (unhex(md5('order-{n}')), unhex(md5('delivery-{n}')), unhex(md5('transaction-{n}')), unhex(md5('capture-{n}')));

--: reuse
insert into `order` (id, version_id, order_number, billing_address_id, billing_address_version_id, currency_id, order_date_time, price, created_at) values (unhex(md5('other')), 0x0fa91ce3e96a4bc2be4bd9ce752c3425, '{n}0000', unhex(md5('x')), 0x0fa91ce3e96a4bc2be4bd9ce752c3425, unhex(md5('eur')), '2025-01-01 10:00:00', '{}', '2025-01-01 10:00:00');
