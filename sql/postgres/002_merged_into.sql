-- The product that took a duplicate's place, when it was merged into it. Null for all others.
alter table product add column merged_into bigint;
