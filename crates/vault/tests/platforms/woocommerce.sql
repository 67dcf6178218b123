-- WooCommerce with tables of its own for orders, after OrdersTableDataStore.php and class-wc-install.php:
-- the columns by which rows hang together, and those that tell of a person.

--: schema
create table wp_options (option_id bigint unsigned not null auto_increment primary key, option_name varchar(191) not null default '',
  option_value longtext not null, autoload varchar(20) not null default 'yes', unique key option_name (option_name));
create table wp_users (ID bigint unsigned not null auto_increment primary key, user_login varchar(60) not null default '',
  user_pass varchar(255) not null default '', user_nicename varchar(50) not null default '', user_email varchar(100) not null default '',
  user_url varchar(100) not null default '', user_registered datetime not null default '2020-01-01 00:00:00',
  display_name varchar(250) not null default '', key user_email (user_email));
create table wp_posts (ID bigint unsigned not null auto_increment primary key, post_author bigint unsigned not null default 0,
  post_date_gmt datetime not null, post_excerpt text not null, post_title text not null, post_status varchar(20) not null default 'publish',
  post_parent bigint unsigned not null default 0, post_type varchar(20) not null default 'post', key post_parent (post_parent));
create table wp_postmeta (meta_id bigint unsigned not null auto_increment primary key, post_id bigint unsigned not null default 0,
  meta_key varchar(255) default null, meta_value longtext, key post_id (post_id), key meta_key (meta_key(191)));
create table wp_comments (comment_ID bigint unsigned not null auto_increment primary key, comment_post_ID bigint unsigned not null default 0,
  comment_author tinytext not null, comment_author_email varchar(100) not null default '', comment_author_IP varchar(100) not null default '',
  comment_content text not null, comment_type varchar(20) not null default 'comment', key comment_post_ID (comment_post_ID));
create table wp_commentmeta (meta_id bigint unsigned not null auto_increment primary key, comment_id bigint unsigned not null default 0,
  meta_key varchar(255) default null, meta_value longtext, key comment_id (comment_id));
create table wp_woocommerce_order_items (order_item_id bigint unsigned not null auto_increment primary key, order_item_name text not null,
  order_item_type varchar(200) not null default '', order_id bigint unsigned not null, key order_id (order_id));
create table wp_woocommerce_order_itemmeta (meta_id bigint unsigned not null auto_increment primary key, order_item_id bigint unsigned not null,
  meta_key varchar(255) default null, meta_value longtext, key order_item_id (order_item_id));
create table wp_woocommerce_downloadable_product_permissions (permission_id bigint unsigned not null auto_increment primary key,
  download_id varchar(36) not null, product_id bigint unsigned not null, order_id bigint unsigned not null default 0,
  order_key varchar(200) not null, user_email varchar(200) not null, user_id bigint unsigned null, key order_id (order_id));
create table wp_wc_download_log (download_log_id bigint unsigned not null auto_increment primary key, timestamp datetime not null,
  permission_id bigint unsigned not null, user_id bigint unsigned null, user_ip_address varchar(100) null default '', key permission_id (permission_id));
create table wp_wc_order_stats (order_id bigint unsigned not null primary key, parent_id bigint unsigned default 0 not null,
  date_created datetime not null, total_sales double not null default 0, status varchar(20) not null, customer_id bigint unsigned not null);
create table wp_wc_order_product_lookup (order_item_id bigint unsigned not null primary key, order_id bigint unsigned not null,
  product_id bigint unsigned not null, product_qty int not null, key order_id (order_id));
create table wp_wc_order_tax_lookup (order_id bigint unsigned not null, tax_rate_id bigint unsigned not null, order_tax double not null default 0,
  primary key (order_id, tax_rate_id));
create table wp_wc_order_coupon_lookup (order_id bigint unsigned not null, coupon_id bigint not null, discount_amount double not null default 0,
  primary key (order_id, coupon_id));
create table wp_wc_customer_lookup (customer_id bigint unsigned not null auto_increment primary key, user_id bigint unsigned default null,
  username varchar(60) not null default '', first_name varchar(255) not null, last_name varchar(255) not null, email varchar(100) null default null,
  city varchar(100) not null default '', unique key user_id (user_id));
create table wp_wc_reserved_stock (order_id bigint not null, product_id bigint not null, stock_quantity double not null default 0,
  primary key (order_id, product_id));

create table wp_wc_orders (id bigint unsigned primary key, status varchar(20) null, currency varchar(10) null, type varchar(20) null,
  tax_amount decimal(26,8) null, total_amount decimal(26,8) null, customer_id bigint unsigned null, billing_email varchar(320) null,
  date_created_gmt datetime null, date_updated_gmt datetime null, parent_order_id bigint unsigned null, payment_method varchar(100) null,
  ip_address varchar(100) null, user_agent text null, customer_note text null, key billing_email (billing_email(191)), key parent_order_id (parent_order_id));
create table wp_wc_order_addresses (id bigint unsigned auto_increment primary key, order_id bigint unsigned not null, address_type varchar(20) null,
  first_name text null, last_name text null, company text null, address_1 text null, city text null, postcode text null, country text null,
  email varchar(320) null, phone varchar(100) null, unique key address_type_order_id (address_type, order_id));
create table wp_wc_order_operational_data (id bigint unsigned auto_increment primary key, order_id bigint unsigned null, created_via varchar(100) null,
  order_stock_reduced tinyint(1) null, recorded_sales tinyint(1) null, unique key order_id (order_id));
create table wp_wc_orders_meta (id bigint unsigned auto_increment primary key, order_id bigint unsigned null, meta_key varchar(255), meta_value text null,
  key order_id (order_id));

--: once
insert into wp_users (ID, user_login, user_email, display_name) values (1, 'shopkeeper', 'me@shop.test', 'Me');
insert into wp_posts (ID, post_date_gmt, post_excerpt, post_title, post_type) values (5, '2024-01-01 00:00:00', '', 'Lamp', 'product');
insert into wp_postmeta (post_id, meta_key, meta_value) values (5, '_price', '10');
insert into wp_comments (comment_post_ID, comment_author, comment_content, comment_type) values (5, 'Somebody', 'Nice lamp', 'review');
insert into wp_options (option_name, option_value) values ('woocommerce_custom_orders_table_enabled', 'yes');
insert into wp_wc_orders (id, status, type, date_created_gmt) values (90, 'wc-checkout-draft', 'shop_order', '2024-01-01 00:00:00');

--: order
insert into wp_posts (ID, post_date_gmt, post_excerpt, post_title, post_status, post_parent, post_type) values (100 + {n}, '2024-03-01 10:00:00', '', '', 'draft', 0, 'shop_order_placehold'), (1100 + {n}, '2024-03-02 10:00:00', '', '', 'draft', 100 + {n}, 'shop_order_placehold');
insert into wp_wc_orders values (100 + {n}, 'wc-processing', 'EUR', 'shop_order', 1.9, 12.5 + {r}, {n} + 50, '{who}@example.test', date_add('2024-03-01 10:00:00', interval {n} hour), '2024-03-01 10:00:00', 0, 'bacs', '10.0.0.1', '{who} Browser', 'for {who}'), (1100 + {n}, 'wc-completed', 'EUR', 'shop_order_refund', 0, -1.5, null, null, '2024-03-02 10:00:00', '2024-03-02 10:00:00', 100 + {n}, '', null, null, null);
insert into wp_wc_order_addresses values ({n} * 2, 100 + {n}, 'billing', '{who}', 'Meier', null, 'Weg {n}', 'Ulm', '89073', 'DE', '{who}@example.test', '0731'), ({n} * 2 + 1, 100 + {n}, 'shipping', '{who}', 'Meier', null, 'Weg {n}', 'Ulm', '89073', 'DE', null, null);
insert into wp_wc_order_operational_data values ({n}, 100 + {n}, 'checkout', 1, 1);
insert into wp_wc_orders_meta (order_id, meta_key, meta_value) values (100 + {n}, '_billing_address_index', '{who} Meier Weg {n}'), (100 + {n}, '_exported_to_erp', 'yes'), (1100 + {n}, '_refund_reason', 'broken');

insert into wp_users (ID, user_login, user_pass, user_nicename, user_email, display_name) values ({n} + 50, '{who}', 'x', '{who}', '{who}@example.test', '{who} Meier');
insert into wp_woocommerce_order_items values ({n} * 2, 'Lamp', 'line_item', 100 + {n}), ({n} * 2 + 1, 'Post', 'shipping', 100 + {n});
insert into wp_woocommerce_order_itemmeta (order_item_id, meta_key, meta_value) values ({n} * 2, '_product_id', '5'), ({n} * 2, '_qty', '{r}'), ({n} * 2 + 1, 'cost', '4.90');
insert into wp_woocommerce_order_items values ({n} * 2 + 500, 'Lamp', 'line_item', 100 + {n} + 1000);
insert into wp_woocommerce_order_itemmeta (order_item_id, meta_key, meta_value) values ({n} * 2 + 500, '_refunded_item_id', '{n}');
insert into wp_comments values ({n} * 2, 100 + {n}, 'WooCommerce', '', '', 'Paid by {who}', 'order_note'), ({n} * 2 + 1, 100 + {n}, '{who}', '{who}@example.test', '10.0.0.1', 'Please ring twice', 'order_note');
insert into wp_commentmeta (comment_id, meta_key, meta_value) values ({n} * 2 + 1, 'is_customer_note', '1');
insert into wp_woocommerce_downloadable_product_permissions values ({n}, uuid(), 5, 100 + {n}, 'wc_key', '{who}@example.test', {n} + 50);
insert into wp_wc_download_log values ({n}, '2024-03-01 10:00:00', {n}, {n} + 50, '10.0.0.1');
insert into wp_wc_customer_lookup values ({n}, {n} + 50, '{who}', '{who}', 'Meier', '{who}@example.test', 'Ulm');
insert into wp_wc_order_stats values (100 + {n}, 0, '2024-03-01 10:00:00', 12.5, 'wc-processing', {n}), (100 + {n} + 1000, 100 + {n}, '2024-03-02 10:00:00', -1.5, 'wc-completed', {n});
insert into wp_wc_order_product_lookup values ({n} * 2, 100 + {n}, 5, {r});
insert into wp_wc_order_tax_lookup values (100 + {n}, 1, 1.9);
insert into wp_wc_order_coupon_lookup values (100 + {n}, 7, 1);
insert into wp_wc_reserved_stock values (100 + {n}, 5, {r});

--: delete
delete m from wp_woocommerce_order_itemmeta m join wp_woocommerce_order_items i on i.order_item_id = m.order_item_id where i.order_id in (100 + {n}, 100 + {n} + 1000);
delete from wp_woocommerce_order_items where order_id in (100 + {n}, 100 + {n} + 1000);
delete m from wp_commentmeta m join wp_comments c on c.comment_ID = m.comment_id where c.comment_post_ID = 100 + {n};
delete from wp_comments where comment_post_ID = 100 + {n};
delete from wp_wc_download_log where permission_id = {n};
delete from wp_woocommerce_downloadable_product_permissions where order_id = 100 + {n};
delete from wp_wc_order_stats where order_id in (100 + {n}, 100 + {n} + 1000);
delete from wp_wc_order_product_lookup where order_id = 100 + {n};
delete from wp_wc_order_tax_lookup where order_id = 100 + {n};
delete from wp_wc_order_coupon_lookup where order_id = 100 + {n};
delete from wp_wc_reserved_stock where order_id = 100 + {n};
delete from wp_wc_orders_meta where order_id in (100 + {n}, 1100 + {n});
delete from wp_wc_order_operational_data where order_id = 100 + {n};
delete from wp_wc_order_addresses where order_id = 100 + {n};
delete from wp_wc_orders where id in (100 + {n}, 1100 + {n});
delete from wp_posts where ID in (100 + {n}, 1100 + {n});
delete from wp_users where ID = {n} + 50;

--: reuse
insert into wp_wc_orders (id, status, type, date_created_gmt) values (100 + {n}, 'wc-pending', 'shop_order', '2025-01-01 00:00:00');

--: stays
wp_wc_reserved_stock
