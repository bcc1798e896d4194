-- MySQL and MariaDB. The same tables as in sql/postgres, which says what they are for.
--
-- Each statement commits by itself, so a migration that died in the middle is run again: every
-- statement must be harmless the second time.
--
-- The collation is binary, since keys are canonical already. There are no partial indexes: an index
-- that begins with the column that is null finds what waits.

create table if not exists brand (
  id bigint not null primary key,
  name varchar(100) not null,
  name_key varchar(100) not null,
  create_date datetime(6) not null default (utc_timestamp(6)),
  unique key ux_brand_name (name_key)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;

create table if not exists product (
  id bigint not null primary key,
  brand_id bigint not null,
  name varchar(130) not null,
  model varchar(255) not null,
  price decimal(12, 2),
  attributes json not null,
  source_product_id bigint,
  user_id varchar(64) not null,
  user_name varchar(30) not null,
  delete_status smallint not null default 0,
  create_date datetime(6) not null default (utc_timestamp(6)),
  edit_time datetime(6) not null default (utc_timestamp(6)),
  key ix_product_live_by_brand (brand_id, delete_status, id)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;

create table if not exists product_unique (
  id bigint not null primary key,
  name varchar(130) not null,
  model varchar(255) not null,
  user_id varchar(64) not null,
  user_name varchar(30) not null,
  create_date datetime(6) not null default (utc_timestamp(6)),
  unique key ux_name_model (name, model)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;

create table if not exists copy_request (
  id bigint not null primary key,
  request_key varchar(128),
  content_hash char(64) not null,
  source_brand varchar(100) not null,
  target_brands mediumtext not null,
  name_template varchar(200) not null,
  policy varchar(20) not null,
  user_id varchar(64) not null,
  user_name varchar(30) not null,
  expanded_to_id bigint not null default 0,
  last_source_id bigint,
  chunks int not null default 0,
  items bigint not null default 0,
  expanded_at datetime(6),
  completed_at datetime(6),
  create_date datetime(6) not null default (utc_timestamp(6)),
  unique key ux_request_key (request_key),
  key ix_copy_request_to_expand (expanded_at, id),
  key ix_copy_request_open (completed_at, id)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;

create table if not exists copy_chunk (
  request_id bigint not null,
  chunk_no int not null,
  message_group varchar(63) not null,
  body mediumtext not null,
  content_hash char(64) not null,
  items int not null,
  claimed_until datetime(6),
  sent_at datetime(6),
  sends int not null default 0,
  outcomes mediumtext,
  created int not null default 0,
  existing int not null default 0,
  rejected int not null default 0,
  failed int not null default 0,
  completed_at datetime(6),
  primary key (request_id, chunk_no),
  key ix_copy_chunk_to_send (sent_at, chunk_no, request_id),
  key ix_copy_chunk_open (request_id, completed_at)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;

create table if not exists copy_result (
  request_id varchar(64) not null,
  chunk_no int not null,
  content_hash char(64) not null,
  message_group varchar(63) not null,
  body mediumtext not null,
  claimed_until datetime(6),
  published_at datetime(6),
  create_date datetime(6) not null default (utc_timestamp(6)),
  primary key (request_id, chunk_no),
  key ix_copy_result_to_publish (published_at, chunk_no, request_id)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;

create table if not exists dead_letter (
  id bigint not null primary key,
  topic varchar(127) not null,
  message_group varchar(127) not null,
  body mediumtext not null,
  reason text not null,
  attempts int not null,
  -- Not null: the relay is to send it again.
  redrive_at datetime(6),
  create_date datetime(6) not null default (utc_timestamp(6))
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
