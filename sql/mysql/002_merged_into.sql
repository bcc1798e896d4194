-- The product that took a duplicate's place, when it was merged into it. Null for all others.
--
-- MySQL has no `add column if not exists`, and a migration that died half-way is run again.
set @product_copy_002 = if(
  exists (select 1 from information_schema.columns where table_schema = database()
             and table_name = 'product' and column_name = 'merged_into'),
  'do 0', 'alter table product add column merged_into bigint');

prepare product_copy_002 from @product_copy_002;

execute product_copy_002;

deallocate prepare product_copy_002;
