-- The shop of `cargo xtask bench orders`: the tables of Vendure 3 that hang together with an order, with as many
-- orders as `:orders` says. All of it follows from the numbers of the rows, so that it is the same each time.

CREATE TABLE product_variant (
    id int PRIMARY KEY, "createdAt" timestamp(6) NOT NULL, "updatedAt" timestamp(6) NOT NULL,
    enabled boolean NOT NULL, sku text NOT NULL, "outOfStockThreshold" int NOT NULL, "trackInventory" text NOT NULL);
CREATE TABLE customer (
    id int PRIMARY KEY, "createdAt" timestamp(6) NOT NULL, "updatedAt" timestamp(6) NOT NULL,
    title text, "firstName" text NOT NULL, "lastName" text NOT NULL, "phoneNumber" text, "emailAddress" text NOT NULL);
CREATE TABLE "order" (
    id serial, "createdAt" timestamp(6) NOT NULL DEFAULT now(), "updatedAt" timestamp(6) NOT NULL DEFAULT now(),
    type text NOT NULL, code text NOT NULL, state text NOT NULL, active boolean NOT NULL,
    "orderPlacedAt" timestamp(6), "couponCodes" text NOT NULL, "shippingAddress" text NOT NULL,
    "billingAddress" text NOT NULL, "currencyCode" text NOT NULL, "aggregateOrderId" int, "customerId" int,
    "taxZoneId" int, "subTotal" int NOT NULL, "subTotalWithTax" int NOT NULL, shipping int NOT NULL,
    "shippingWithTax" int NOT NULL);
CREATE TABLE order_line (
    id serial, "createdAt" timestamp(6) NOT NULL DEFAULT now(), "updatedAt" timestamp(6) NOT NULL DEFAULT now(),
    quantity int NOT NULL, "orderPlacedQuantity" int NOT NULL, "listPriceIncludesTax" boolean NOT NULL,
    adjustments text NOT NULL, "taxLines" text NOT NULL, "productVariantId" int NOT NULL, "taxCategoryId" int,
    "initialListPrice" int, "listPrice" int NOT NULL, "orderId" int NOT NULL);
CREATE TABLE payment (
    id serial, "createdAt" timestamp(6) NOT NULL DEFAULT now(), "updatedAt" timestamp(6) NOT NULL DEFAULT now(),
    method text NOT NULL, state text NOT NULL, "errorMessage" text, "transactionId" text, metadata text NOT NULL,
    amount int NOT NULL, "orderId" int NOT NULL);
CREATE TABLE shipping_line (
    id serial, "createdAt" timestamp(6) NOT NULL DEFAULT now(), "updatedAt" timestamp(6) NOT NULL DEFAULT now(),
    "listPriceIncludesTax" boolean NOT NULL, adjustments text NOT NULL, "taxLines" text NOT NULL,
    "shippingMethodId" int, "listPrice" int NOT NULL, "orderId" int NOT NULL);
CREATE TABLE history_entry (
    id serial, "createdAt" timestamp(6) NOT NULL DEFAULT now(), "updatedAt" timestamp(6) NOT NULL DEFAULT now(),
    type text NOT NULL, "isPublic" boolean NOT NULL, data text NOT NULL, discriminator text NOT NULL,
    "administratorId" int, "customerId" int, "orderId" int NOT NULL);

-- A number that looks like any other, the same for the same row.
CREATE FUNCTION chance(row_number bigint, what text, below int) RETURNS int LANGUAGE sql IMMUTABLE AS
    $$ SELECT ((hashint8extended(row_number, hashtext(what)) & 9223372036854775807) % below)::int $$;
-- An order was placed every eleven seconds.
CREATE FUNCTION moment(id bigint) RETURNS timestamp LANGUAGE sql IMMUTABLE AS
    $$ SELECT timestamp '2025-11-01' + id * interval '11.037421 s' $$;
CREATE FUNCTION code(id bigint) RETURNS text LANGUAGE sql IMMUTABLE AS
    $$ SELECT upper(substr(translate(encode(sha256(int8send(id)), 'base64'), '+/=', 'XYZ'), 1, 16)) $$;
CREATE FUNCTION address(id bigint) RETURNS text LANGUAGE sql IMMUTABLE AS
    $$ SELECT format('{"fullName":"%s %s","company":"","streetLine1":"%s %s","streetLine2":"","city":"%s","province":"",'
        '"postalCode":"%s","country":"Deutschland","countryCode":"DE","phoneNumber":"+49 %s %s"}',
        (ARRAY['Anna','Jörg','Lucia','Piet','Ole','Marta','Emil','Zoë'])[1 + chance(id, 'first', 8)],
        (ARRAY['Schmidt','Weber','Rossi','de Vries','Hansen','Kowalska','Fischer','Yılmaz'])[1 + chance(id, 'last', 8)],
        (ARRAY['Lindenweg','Hauptstraße','Am Markt','Bergstraße','Gartenweg'])[1 + chance(id, 'street', 5)],
        1 + chance(id, 'house', 180),
        (ARRAY['Hamburg','München','Leipzig','Bremen','Köln','Jena'])[1 + chance(id, 'city', 6)],
        lpad(chance(id, 'post', 99999)::text, 5, '0'), 30 + chance(id, 'area', 900), 100000 + chance(id, 'phone', 8999999)) $$;

INSERT INTO product_variant SELECT id, moment(id), moment(id), true, 'LAMP-' || lpad(id::text, 5, '0'), 0, 'INHERIT'
    FROM generate_series(1, 5000) id;
INSERT INTO customer SELECT id, moment(id), moment(id), NULL, 'Anna', 'Schmidt', NULL, format('kunde%s@example.org', id)
    FROM generate_series(1, greatest(:orders / 5, 1)) id;
INSERT INTO "order" SELECT id, moment(id), moment(id), 'Regular', code(id), 'Delivered', false, moment(id), '',
        address(id), '{}', 'EUR', NULL, 1 + chance(id, 'customer', greatest(:orders / 5, 1)), 1,
        3000 + chance(id, 'total', 90000), 3570 + chance(id, 'total', 90000), 420, 500
    FROM generate_series(1, :orders) id;
INSERT INTO order_line SELECT row_number() OVER (), moment(id), moment(id), 1 + chance(id * 4 + n, 'many', 3), 1, true, '[]',
        '[{"description":"Standard Tax Europe","taxRate":19}]', 1 + chance(id * 4 + n, 'variant', 5000), 1,
        1500 + chance(id * 4 + n, 'price', 30000), 1500 + chance(id * 4 + n, 'price', 30000), id
    FROM generate_series(1, :orders) id, LATERAL generate_series(1, 1 + chance(id, 'lines', 4)) n;
INSERT INTO payment SELECT id, moment(id), moment(id), 'card', 'Settled', NULL, 'pi_' || substr(encode(sha256(int8send(-id)), 'hex'), 1, 24),
        '{"public":{}}', 4070 + chance(id, 'total', 90000), id
    FROM generate_series(1, :orders) id;
INSERT INTO shipping_line SELECT id, moment(id), moment(id), true, '[]', '[{"description":"Standard Tax Europe","taxRate":19}]', 1, 500, id
    FROM generate_series(1, :orders) id;
INSERT INTO history_entry SELECT id * 3 - 3 + n, moment(id), moment(id), 'ORDER_STATE_TRANSITION', true,
        (ARRAY['{"from":"AddingItems","to":"ArrangingPayment"}', '{"from":"ArrangingPayment","to":"PaymentSettled"}',
               '{"from":"PaymentSettled","to":"Delivered"}'])[n], 'order-history-entry', NULL, NULL, id
    FROM generate_series(1, :orders) id, LATERAL generate_series(1, 3 + 0 * id) n;

ALTER TABLE "order" ADD PRIMARY KEY (id), ADD UNIQUE (code), ADD FOREIGN KEY ("customerId") REFERENCES customer;
CREATE INDEX ON "order" ("customerId");
CREATE INDEX ON customer ("emailAddress");
ALTER TABLE order_line ADD PRIMARY KEY (id), ADD FOREIGN KEY ("orderId") REFERENCES "order" ON DELETE CASCADE,
    ADD FOREIGN KEY ("productVariantId") REFERENCES product_variant;
ALTER TABLE payment ADD PRIMARY KEY (id), ADD FOREIGN KEY ("orderId") REFERENCES "order" ON DELETE CASCADE;
ALTER TABLE shipping_line ADD PRIMARY KEY (id), ADD FOREIGN KEY ("orderId") REFERENCES "order" ON DELETE CASCADE;
ALTER TABLE history_entry ADD PRIMARY KEY (id), ADD FOREIGN KEY ("orderId") REFERENCES "order" ON DELETE CASCADE;
CREATE INDEX ON order_line ("orderId");
CREATE INDEX ON payment ("orderId");
CREATE INDEX ON shipping_line ("orderId");
CREATE INDEX ON history_entry ("orderId");
ALTER TABLE "order" REPLICA IDENTITY FULL;
ALTER TABLE order_line REPLICA IDENTITY FULL;
ALTER TABLE payment REPLICA IDENTITY FULL;
ALTER TABLE shipping_line REPLICA IDENTITY FULL;
ALTER TABLE history_entry REPLICA IDENTITY FULL;
SELECT setval('order_id_seq', :orders), setval('order_line_id_seq', max(id)) FROM order_line;
SELECT setval('payment_id_seq', :orders), setval('shipping_line_id_seq', :orders), setval('history_entry_id_seq', :orders * 3);
ANALYZE;
