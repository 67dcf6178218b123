-- OpenCart 4, after upload/system/helper/db_schema.php.

--: schema
create table oc_customer (customer_id int not null auto_increment primary key, firstname varchar(32) not null, lastname varchar(32) not null, email varchar(96) not null,
  telephone varchar(32) not null, password varchar(255) not null, ip varchar(40) not null);
create table oc_order (order_id int not null auto_increment primary key, invoice_no int not null default 0, customer_id int not null default 0, firstname varchar(32) not null,
  lastname varchar(32) not null, email varchar(96) not null, telephone varchar(32) not null, payment_firstname varchar(128) not null, payment_lastname varchar(128) not null, payment_address_1 varchar(128) not null, payment_city varchar(128) not null, payment_postcode varchar(128) not null, shipping_firstname varchar(128) not null, shipping_lastname varchar(128) not null, shipping_address_1 varchar(128) not null, shipping_city varchar(128) not null, shipping_postcode varchar(128) not null,
  comment text not null, total decimal(15,4) not null default 0, order_status_id int not null default 0, tracking varchar(64) not null default '',
  ip varchar(40) not null, user_agent varchar(255) not null, date_added datetime not null, date_modified datetime not null);
create table oc_order_product (order_product_id int not null auto_increment primary key, order_id int not null, product_id int not null, name varchar(255) not null, quantity int not null, key order_id (order_id));
create table oc_order_option (order_option_id int not null auto_increment primary key, order_id int not null, order_product_id int not null, name varchar(255) not null, value text not null);
create table oc_order_total (order_total_id int not null auto_increment primary key, order_id int not null, code varchar(32) not null, value decimal(15,4) not null default 0, key order_id (order_id));
create table oc_order_history (order_history_id int not null auto_increment primary key, order_id int not null, order_status_id int not null, comment text not null, date_added datetime not null);
create table oc_customer_transaction (customer_transaction_id int not null auto_increment primary key, customer_id int not null, order_id int not null, amount decimal(15,4) not null);
create table oc_customer_reward (customer_reward_id int not null auto_increment primary key, customer_id int not null, order_id int not null default 0, points int not null default 0);
create table oc_coupon_history (coupon_history_id int not null auto_increment primary key, coupon_id int not null, order_id int not null, customer_id int not null);
create table oc_return (return_id int not null auto_increment primary key, order_id int not null, firstname varchar(32) not null, lastname varchar(32) not null, email varchar(96) not null, telephone varchar(32) not null, comment text);
create table oc_return_history (return_history_id int not null auto_increment primary key, return_id int not null, comment text not null);
create table oc_product (product_id int not null auto_increment primary key, quantity int not null default 0);
create table oc_order_subscription (order_subscription_id int not null auto_increment primary key, order_product_id int not null, order_id int not null, trial_price decimal(10,4) not null default 0);
create table oc_subscription (subscription_id int not null auto_increment primary key, order_id int not null, customer_id int not null);
create table oc_subscription_history (subscription_history_id int not null auto_increment primary key, subscription_id int not null, comment text not null);

--: once
insert into oc_product values (5, 100), (6, 100);
insert into oc_order (order_id, firstname, lastname, email, telephone, payment_firstname, payment_lastname, payment_address_1, payment_city, payment_postcode, shipping_firstname, shipping_lastname, shipping_address_1, shipping_city, shipping_postcode, comment, order_status_id, ip, user_agent, date_added, date_modified) values (90, '', '', '', '', '', '', '', '', '', '', '', '', '', '', '', 0, '', '', '2025-01-01 10:00:00', '2025-01-01 10:00:00');

--: order
insert into oc_customer values ({n}, '{who}', 'Meier', '{who}@example.test', '0731', 'x', '10.0.0.1');
insert into oc_order values ({n}, {n}, {n}, '{who}', 'Meier', '{who}@example.test', '0731', '{who}', 'Meier', 'Weg {n}', 'Ulm', '89073', '{who}', 'Meier', 'Weg {n}', 'Ulm', '89073', 'for {who}', 12.5 + {r}, 2, '1Z{n}', '10.0.0.1', '{who} Browser', date_add('2024-03-01 10:00:00', interval {n} hour), '2024-03-01 10:00:00');
insert into oc_order_product values ({n} * 2, {n}, 5, 'Lamp', {r}), ({n} * 2 + 1, {n}, 6, 'Plate', 1);
insert into oc_order_option values ({n}, {n}, {n} * 2, 'Colour', 'red');
insert into oc_order_total values ({n} * 2, {n}, 'sub_total', 12.5), ({n} * 2 + 1, {n}, 'total', 12.5);
insert into oc_order_history values ({n}, {n}, 2, 'told {who}', '2024-03-01 10:00:00');
insert into oc_customer_transaction values ({n}, {n}, {n}, -1);
insert into oc_customer_reward values ({n}, {n}, {n}, 12);
insert into oc_coupon_history values ({n}, 1, {n}, {n});
insert into oc_return values ({n}, {n}, '{who}', 'Meier', '{who}@example.test', '0731', 'Yours, {who}');
insert into oc_return_history values ({n}, {n}, 'came');
insert into oc_order_subscription values ({n}, {n} * 2, {n}, 0);
insert into oc_subscription values ({n}, {n}, {n});
insert into oc_subscription_history values ({n}, {n}, 'begun');

--: delete
delete from oc_order_subscription where order_id = {n};
delete from oc_subscription_history where subscription_id = {n};
delete from oc_subscription where order_id = {n};

delete from oc_order_option where order_id = {n};
delete from oc_order_product where order_id = {n};
delete from oc_order_total where order_id = {n};
delete from oc_order_history where order_id = {n};
delete from oc_customer_transaction where order_id = {n};
delete from oc_customer_reward where order_id = {n};
delete from oc_coupon_history where order_id = {n};
delete from oc_order where order_id = {n};
delete from oc_customer where customer_id = {n};
update oc_product set quantity = quantity + {r};

--: reuse
insert into oc_order (order_id, firstname, lastname, email, telephone, payment_firstname, payment_lastname, payment_address_1, payment_city, payment_postcode, shipping_firstname, shipping_lastname, shipping_address_1, shipping_city, shipping_postcode, comment, order_status_id, ip, user_agent, date_added, date_modified) values ({n}, '', '', '', '', '', '', '', '', '', '', '', '', '', '', '', 2, '', '', '2025-01-01 10:00:00', '2025-01-01 10:00:00');

--: stays
oc_product
