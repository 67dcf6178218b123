-- Since when an instance is taken out, and who did it: somebody, or a run. Those of before are not
-- known.
ALTER TABLE drain ADD COLUMN since_ms INTEGER;
ALTER TABLE drain ADD COLUMN actor TEXT;
ALTER TABLE drain ADD COLUMN run INTEGER;
