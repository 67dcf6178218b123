-- Magento 2, after Sales/etc/db_schema.xml, Downloadable/etc/db_schema.xml and Customer/etc/db_schema.xml: keys
-- as there, and none where there is none.

--: schema
create table store (store_id smallint unsigned not null auto_increment primary key, code varchar(32));
create table customer_entity (entity_id int unsigned not null auto_increment primary key, email varchar(255), firstname varchar(255), lastname varchar(255),
  dob date, password_hash varchar(128), unique key (email));
create table sales_order (entity_id int unsigned not null auto_increment primary key, state varchar(32), status varchar(32), store_id smallint unsigned,
  customer_id int unsigned, grand_total decimal(20,4), increment_id varchar(50), quote_id int, customer_email varchar(128), customer_firstname varchar(128),
  customer_lastname varchar(128), customer_dob datetime, customer_note text, remote_ip varchar(45), order_currency_code varchar(3), email_sent smallint unsigned,
  ext_order_id varchar(32), created_at timestamp not null default current_timestamp, updated_at timestamp not null default current_timestamp,
  unique key (increment_id, store_id), foreign key (customer_id) references customer_entity (entity_id) on delete set null,
  foreign key (store_id) references store (store_id) on delete set null);
create table sales_order_address (entity_id int unsigned not null auto_increment primary key, parent_id int unsigned, email varchar(255), firstname varchar(255),
  lastname varchar(255), street varchar(255), city varchar(255), postcode varchar(255), telephone varchar(255), address_type varchar(255),
  foreign key (parent_id) references sales_order (entity_id) on delete cascade);
create table sales_order_payment (entity_id int unsigned not null auto_increment primary key, parent_id int unsigned not null, method varchar(128),
  cc_owner varchar(128), additional_information text, foreign key (parent_id) references sales_order (entity_id) on delete cascade);
create table sales_order_status_history (entity_id int unsigned not null auto_increment primary key, parent_id int unsigned not null, comment text,
  foreign key (parent_id) references sales_order (entity_id) on delete cascade);
create table sales_order_item (item_id int unsigned not null auto_increment primary key, order_id int unsigned not null default 0, parent_item_id int unsigned,
  sku varchar(255), qty_ordered decimal(12,4), qty_shipped decimal(12,4), foreign key (order_id) references sales_order (entity_id) on delete cascade);
create table sales_payment_transaction (transaction_id int unsigned not null auto_increment primary key, parent_id int unsigned, order_id int unsigned not null default 0,
  payment_id int unsigned not null default 0, txn_id varchar(100), foreign key (order_id) references sales_order (entity_id) on delete cascade,
  foreign key (parent_id) references sales_payment_transaction (transaction_id) on delete cascade,
  foreign key (payment_id) references sales_order_payment (entity_id) on delete cascade, unique key (order_id, payment_id, txn_id));
create table sales_invoice (entity_id int unsigned not null auto_increment primary key, order_id int unsigned not null, increment_id varchar(50), grand_total decimal(20,4),
  foreign key (order_id) references sales_order (entity_id) on delete cascade);
create table sales_invoice_item (entity_id int unsigned not null auto_increment primary key, parent_id int unsigned not null, qty decimal(12,4),
  foreign key (parent_id) references sales_invoice (entity_id) on delete cascade);
create table sales_shipment (entity_id int unsigned not null auto_increment primary key, order_id int unsigned not null, increment_id varchar(50),
  foreign key (order_id) references sales_order (entity_id) on delete cascade);
create table sales_shipment_track (entity_id int unsigned not null auto_increment primary key, parent_id int unsigned not null, order_id int unsigned not null,
  track_number text, foreign key (parent_id) references sales_shipment (entity_id) on delete cascade);
create table sales_creditmemo (entity_id int unsigned not null auto_increment primary key, order_id int unsigned not null, increment_id varchar(50),
  foreign key (order_id) references sales_order (entity_id) on delete cascade);
create table sales_order_tax (tax_id int unsigned not null auto_increment primary key, order_id int unsigned not null, percent decimal(12,4));
create table sales_order_tax_item (tax_item_id int unsigned not null auto_increment primary key, tax_id int unsigned not null, item_id int unsigned,
  foreign key (tax_id) references sales_order_tax (tax_id) on delete cascade, foreign key (item_id) references sales_order_item (item_id) on delete cascade);
create table downloadable_link_purchased (purchased_id int unsigned not null auto_increment primary key, order_id int unsigned, product_name varchar(255),
  foreign key (order_id) references sales_order (entity_id) on delete set null);
create table downloadable_link_purchased_item (item_id int unsigned not null auto_increment primary key, purchased_id int unsigned not null, link_hash varchar(255),
  foreign key (purchased_id) references downloadable_link_purchased (purchased_id) on delete cascade);
create table sales_order_grid (entity_id int unsigned not null primary key, increment_id varchar(50), customer_email varchar(255), customer_name varchar(255),
  billing_name varchar(255), shipping_name varchar(255), billing_address varchar(255), shipping_address varchar(255));
create table sales_invoice_grid (entity_id int unsigned not null primary key, order_id int unsigned not null, customer_name varchar(255), billing_address varchar(255));
create table sales_shipment_grid (entity_id int unsigned not null primary key, order_id int unsigned not null, customer_name varchar(128), shipping_address varchar(255));
create table sales_creditmemo_grid (entity_id int unsigned not null primary key, order_id int unsigned not null, customer_name varchar(128), billing_address varchar(255));
create table inventory_reservation (reservation_id int unsigned not null auto_increment primary key, sku varchar(64), quantity decimal(10,4), metadata varchar(255));
create table sequence_order_1 (sequence_value int unsigned not null auto_increment primary key);

--: once
insert into store values (1, 'default');

--: order
insert into customer_entity values ({n}, '{who}@example.test', '{who}', 'Meier', '1990-01-01', 'hash');
insert into sales_order values ({n}, 'processing', 'processing', 1, {n}, 12.5 + {r}, lpad({n}, 9, '0'), {n} + 70, '{who}@example.test', '{who}', 'Meier', '1990-01-01', 'for {who}', '10.0.0.1', 'EUR', 1, 'ERP-{n}', date_add('2024-03-01 10:00:00', interval {n} hour), '2024-03-01 10:00:00');
insert into sales_order_address values ({n} * 2, {n}, '{who}@example.test', '{who}', 'Meier', 'Weg {n}', 'Ulm', '89073', '0731', 'billing'), ({n} * 2 + 1, {n}, '{who}@example.test', '{who}', 'Meier', 'Weg {n}', 'Ulm', '89073', '0731', 'shipping');
insert into sales_order_payment values ({n}, {n}, 'checkmo', '{who}', '{"payer":"{who}"}');
insert into sales_order_status_history values ({n}, {n}, 'called {who}');
insert into sales_order_item values ({n} * 3, {n}, null, 'LAMP', {r}, 0), ({n} * 3 + 1, {n}, {n} * 3, 'LAMP-RED', {r}, 0);
insert into sales_payment_transaction values ({n} * 2, null, {n}, {n}, 'auth'), ({n} * 2 + 1, {n} * 2, {n}, {n}, 'capture');
insert into sales_invoice values ({n}, {n}, 'I{n}', 12.5);
insert into sales_invoice_item values ({n}, {n}, {r});
insert into sales_shipment values ({n}, {n}, 'S{n}');
insert into sales_shipment_track values ({n}, {n}, {n}, '1Z{n}');
insert into sales_creditmemo values ({n}, {n}, 'C{n}');
insert into sales_order_tax values ({n}, {n}, 19);
insert into sales_order_tax_item values ({n}, {n}, {n} * 3);
insert into downloadable_link_purchased values ({n}, {n}, 'Manual');
insert into downloadable_link_purchased_item values ({n}, {n}, 'hash{n}');
insert into sales_order_grid values ({n}, lpad({n}, 9, '0'), '{who}@example.test', '{who} Meier', '{who} Meier', '{who} Meier', '{who}, Weg {n}', '{who}, Weg {n}');
insert into sales_invoice_grid values ({n}, {n}, '{who} Meier', '{who}, Weg {n}');
insert into sales_shipment_grid values ({n}, {n}, '{who} Meier', '{who}, Weg {n}');
insert into sales_creditmemo_grid values ({n}, {n}, '{who} Meier', '{who}, Weg {n}');
insert into inventory_reservation (sku, quantity, metadata) values ('LAMP', -{r}, '{"object_id":"{n}"}');

--: delete
delete from sales_order where entity_id = {n};
delete from sales_order_tax where order_id = {n};
delete from sales_order_grid where entity_id = {n};
delete from sales_invoice_grid where order_id = {n};
delete from sales_shipment_grid where order_id = {n};
delete from sales_creditmemo_grid where order_id = {n};
insert into inventory_reservation (sku, quantity, metadata) values ('LAMP', {r}, '{"object_id":"{n}"}');

--: reuse
insert into sales_order (entity_id, increment_id, store_id) values (900, lpad({n}, 9, '0'), 1);

--: stays
inventory_reservation
