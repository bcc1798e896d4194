-- The base system's side: brand, product, product_unique, copy_result, dead_letter.
-- The mall's side: copy_request, copy_chunk.
--
-- There are no foreign keys: product, product_unique and copy_result can be sharded by the hash of
-- the product key, and the two sides can live in two databases.

create table brand (
  id bigint primary key,
  name varchar(100) not null,
  -- The canonical text of the name: "ACME" and "Acme" are one brand.
  name_key varchar(100) collate "C" not null,
  create_date timestamptz not null default now(),
  constraint ux_brand_name unique (name_key)
);

-- Products are deleted logically and may be created again any number of times, so that this table
-- cannot carry the unique key.
create table product (
  id bigint primary key,
  brand_id bigint not null,
  name varchar(130) not null,
  model varchar(255) not null,
  price numeric(12, 2),
  attributes jsonb not null,
  source_product_id bigint,
  user_id varchar(64) not null,
  user_name varchar(30) not null,
  delete_status smallint not null default 0,
  create_date timestamptz not null default now(),
  edit_time timestamptz not null default now()
);

create index ix_product_live_by_brand on product (brand_id, id) where delete_status = 0;

-- One row for each live product: the canonical key, which is the promise that this project makes.
-- The collation is binary, since the key is already canonical. NULL would escape the unique key.
create table product_unique (
  id bigint primary key,
  name varchar(130) collate "C" not null,
  model varchar(255) collate "C" not null,
  user_id varchar(64) not null,
  user_name varchar(30) not null,
  create_date timestamptz not null default now(),
  constraint ux_name_model unique (name, model)
);

create table copy_request (
  id bigint primary key,
  -- The caller's own name for the request, which makes recording it twice harmless.
  request_key varchar(128) collate "C",
  content_hash char(64) not null,
  source_brand varchar(100) not null,
  target_brands text not null,
  name_template varchar(200) not null,
  policy varchar(20) not null,
  user_id varchar(64) not null,
  user_name varchar(30) not null,
  -- How far the job has come: source products up to expanded_to_id are in chunks; it ends at last_source_id.
  expanded_to_id bigint not null default 0,
  last_source_id bigint,
  chunks int not null default 0,
  items bigint not null default 0,
  expanded_at timestamptz,
  completed_at timestamptz,
  create_date timestamptz not null default now(),
  constraint ux_request_key unique (request_key)
);

create index ix_copy_request_to_expand on copy_request (id) where expanded_at is null;
create index ix_copy_request_open on copy_request (id) where completed_at is null;

-- An outbox: rows without sent_at are published and marked. Also the mall's memory of each result.
create table copy_chunk (
  request_id bigint not null,
  chunk_no int not null,
  message_group varchar(63) not null,
  body text not null,
  -- SHA-256 of the body, which its result must name.
  content_hash char(64) not null,
  items int not null,
  claimed_until timestamptz,
  sent_at timestamptz,
  -- How often it was given to the broker.
  sends int not null default 0,
  outcomes text,
  created int not null default 0,
  existing int not null default 0,
  rejected int not null default 0,
  failed int not null default 0,
  completed_at timestamptz,
  primary key (request_id, chunk_no)
);

-- By chunk number first: each request's first chunks are sent before anybody's later ones.
create index ix_copy_chunk_to_send on copy_chunk (chunk_no, request_id) where sent_at is null;
create index ix_copy_chunk_open on copy_chunk (request_id) where completed_at is null;

-- Inbox and outbox in one: a chunk that comes twice is answered from here; rows without
-- published_at are published and marked.
create table copy_result (
  request_id varchar(64) collate "C" not null,
  chunk_no int not null,
  -- SHA-256 of the chunk's body: another chunk under the same name must not be given this answer.
  content_hash char(64) not null,
  message_group varchar(63) not null,
  body text not null,
  claimed_until timestamptz,
  published_at timestamptz,
  create_date timestamptz not null default now(),
  primary key (request_id, chunk_no)
);

create index ix_copy_result_to_publish on copy_result (chunk_no, request_id) where published_at is null;

create table dead_letter (
  id bigint primary key,
  topic varchar(127) not null,
  message_group varchar(127) not null,
  body text not null,
  reason text not null,
  attempts int not null,
  -- Not null: the relay is to send it again.
  redrive_at timestamptz,
  create_date timestamptz not null default now()
);
