-- What one customer does to the shop of `cargo xtask bench orders`, as a script of pgbench: ten row changes in one
-- transaction.
\set customer random(1, :orders / 5)
\set variant random(1, 5000)
\set price random(1500, 30000)
\set house random(1, 180)
\set phone random(100000, 8999999)
BEGIN;
INSERT INTO "order" (type, code, state, active, "orderPlacedAt", "couponCodes", "shippingAddress", "billingAddress",
        "currencyCode", "customerId", "taxZoneId", "subTotal", "subTotalWithTax", shipping, "shippingWithTax")
    SELECT 'Regular', code(-currval), 'ArrangingPayment', true, NULL, '', address(currval * 1000 + :house), '{}', 'EUR', :customer, 1,
        :price, :price, 420, 500 FROM (SELECT nextval('history_entry_id_seq') AS currval) n;
INSERT INTO order_line (quantity, "orderPlacedQuantity", "listPriceIncludesTax", adjustments, "taxLines", "productVariantId",
        "taxCategoryId", "initialListPrice", "listPrice", "orderId")
    SELECT 1, 0, true, '[]', '[{"description":"Standard Tax Europe","taxRate":19}]', 1 + (:variant + n * 77) % 5000, 1, :price, :price,
        currval('order_id_seq') FROM generate_series(1, 2) n;
INSERT INTO shipping_line ("listPriceIncludesTax", adjustments, "taxLines", "shippingMethodId", "listPrice", "orderId")
    VALUES (true, '[]', '[{"description":"Standard Tax Europe","taxRate":19}]', 1, 500, currval('order_id_seq'));
INSERT INTO history_entry (type, "isPublic", data, discriminator, "orderId")
    VALUES ('ORDER_STATE_TRANSITION', true, '{"from":"AddingItems","to":"ArrangingPayment"}', 'order-history-entry', currval('order_id_seq'));
INSERT INTO payment (method, state, "transactionId", metadata, amount, "orderId")
    VALUES ('card', 'Authorized', 'pi_' || substr(encode(sha256(int8send(-currval('order_id_seq'))), 'hex'), 1, 24), '{"public":{}}', :price + 500, currval('order_id_seq'));
UPDATE payment SET state = 'Settled', "updatedAt" = now() WHERE id = (SELECT currval('payment_id_seq'));
INSERT INTO history_entry (type, "isPublic", data, discriminator, "orderId")
    VALUES ('ORDER_STATE_TRANSITION', true, '{"from":"ArrangingPayment","to":"PaymentSettled"}', 'order-history-entry', currval('order_id_seq'));
UPDATE "order" SET state = 'PaymentSettled', active = false, "orderPlacedAt" = now(), "updatedAt" = now()
    WHERE id = (SELECT currval('order_id_seq'));
UPDATE order_line SET "orderPlacedQuantity" = 1, "updatedAt" = now() WHERE id = (SELECT currval('order_line_id_seq'));
COMMIT;
