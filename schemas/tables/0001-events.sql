-- Events as they came, one row for each record of its topic. Columns are the record's fields in snake_case, then where
-- the record lies in Kafka (-1: it did not come from there) and row_version.
--
-- A record may be stored more than once (consumers deliver at least once). The sorting key is a pure function of the
-- event and row_version, which decides between rows of equal key, of its place in Kafka: read with FINAL, the answer
-- does not depend on batches, order of arrival or replays. "The last one counts" is offset order, upwards; "the first
-- one counts" is the same, downwards.
--
-- Months outside 1990 to 2099 share partition 0, so that wild event times cannot open partitions without end.

-- A repeated id replaces the earlier text.
-- cluster: shard by cityHash64(model, id)
CREATE TABLE IF NOT EXISTS texts
(
    id String,
    model LowCardinality(String),
    text String CODEC(ZSTD(3)),
    occurred_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    source LowCardinality(String),
    attributes Map(String, String),
    kafka_partition Int32 DEFAULT -1,
    kafka_offset Int64 DEFAULT -1,
    row_version UInt64 MATERIALIZED bitShiftLeft(toUInt64(kafka_offset + 1), 12) + toUInt64(kafka_partition + 1)
)
ENGINE = ReplacingMergeTree(row_version)
PARTITION BY if(toYear(occurred_at) BETWEEN 1990 AND 2099, toYYYYMM(occurred_at), 0)
ORDER BY (model, id);

-- Every label is kept; view effective_labels says which one counts.
-- cluster: shard by cityHash64(model, text_id)
CREATE TABLE IF NOT EXISTS labels
(
    text_id String,
    model LowCardinality(String),
    label LowCardinality(String),
    labeller String,
    source LowCardinality(String),
    labelled_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    confidence Nullable(Float64),
    kafka_partition Int32 DEFAULT -1,
    kafka_offset Int64 DEFAULT -1,
    row_version UInt64 MATERIALIZED bitShiftLeft(toUInt64(kafka_offset + 1), 12) + toUInt64(kafka_partition + 1)
)
ENGINE = ReplacingMergeTree(row_version)
PARTITION BY if(toYear(labelled_at) BETWEEN 1990 AND 2099, toYYYYMM(labelled_at), 0)
ORDER BY (model, text_id, labelled_at, labeller, source, label);

-- One row for each answer of an epoch to a record of the input topic: when the same record was answered twice in one
-- epoch (a crash between answer and commit) the first answer stays. View effective_predictions has one row a text.
-- cluster: shard by cityHash64(model, text_id)
CREATE TABLE IF NOT EXISTS predictions
(
    text_id String,
    model LowCardinality(String),
    version Int32,
    epoch Int64,
    bundle_digest LowCardinality(String),
    label LowCardinality(String),
    confidence Float32,
    probabilities Map(LowCardinality(String), Float32),
    role LowCardinality(String),
    input_topic LowCardinality(String),
    input_partition Int32,
    input_offset Int64 CODEC(Delta, ZSTD(1)),
    occurred_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    inferred_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    device LowCardinality(String),
    truncated Bool,
    queue_milliseconds Float32,
    inference_milliseconds Float32,
    kafka_partition Int32 DEFAULT -1,
    kafka_offset Int64 DEFAULT -1,
    row_version UInt64 MATERIALIZED bitNot(bitShiftLeft(toUInt64(kafka_offset + 1), 12) + toUInt64(kafka_partition + 1))
)
ENGINE = ReplacingMergeTree(row_version)
PARTITION BY if(toYear(occurred_at) BETWEEN 1990 AND 2099, toYYYYMM(occurred_at), 0)
ORDER BY (model, text_id, role, epoch, input_partition, input_offset);

-- One row a window: the highest revision counts.
-- cluster: shard by cityHash64(model)
CREATE TABLE IF NOT EXISTS drift_reports
(
    id String,
    model LowCardinality(String),
    version Int32,
    epoch Int64,
    window_start DateTime64(3, 'UTC'),
    window_end DateTime64(3, 'UTC'),
    revision Int32,
    texts Int32,
    reference_texts Int32,
    verdict LowCardinality(String),
    reason String,
    statistics Array(Tuple(name String, value Float64, null_mean Float64, null_standard_deviation Float64, z_score Float64, p_value Float64, informative Bool)),
    movements Array(Tuple(term String, kind String, reference_rate Float64, window_rate Float64, reference_texts Int64, window_texts Int64, p_value Float64)),
    predicted_shares Map(String, Float64),
    expected_accuracy Float64,
    created_at DateTime64(3, 'UTC'),
    kafka_partition Int32 DEFAULT -1,
    kafka_offset Int64 DEFAULT -1,
    row_version UInt64 MATERIALIZED bitShiftLeft(toUInt64(revision), 44) + toUInt64(kafka_offset + 1)
)
ENGINE = ReplacingMergeTree(row_version)
ORDER BY (model, window_start, window_end);

-- One row a window and scope: the highest revision counts.
-- cluster: shard by cityHash64(model)
CREATE TABLE IF NOT EXISTS performance_reports
(
    id String,
    model LowCardinality(String),
    version Int32,
    epoch Int64,
    scope LowCardinality(String),
    window_start DateTime64(3, 'UTC'),
    window_end DateTime64(3, 'UTC'),
    revision Int32,
    texts Int32,
    labelled Int32,
    label_coverage Float64,
    accuracy Tuple(value Float64, lower Float64, upper Float64),
    macro_f1 Tuple(value Float64, lower Float64, upper Float64),
    expected_accuracy Float64,
    classes Array(Tuple(label String, support Int32, precision Tuple(value Float64, lower Float64, upper Float64), recall Tuple(value Float64, lower Float64, upper Float64), f1 Float64)),
    created_at DateTime64(3, 'UTC'),
    kafka_partition Int32 DEFAULT -1,
    kafka_offset Int64 DEFAULT -1,
    row_version UInt64 MATERIALIZED bitShiftLeft(toUInt64(revision), 44) + toUInt64(kafka_offset + 1)
)
ENGINE = ReplacingMergeTree(row_version)
ORDER BY (model, scope, window_start, window_end);

-- The same evidence looked at again with the same outcome says nothing new: the first one stays.
-- cluster: shard by cityHash64(model)
CREATE TABLE IF NOT EXISTS trigger_decisions
(
    id String,
    model LowCardinality(String),
    policy LowCardinality(String),
    outcome LowCardinality(String),
    reason String,
    evidence String,
    occurred_at DateTime64(3, 'UTC'),
    decided_at DateTime64(3, 'UTC'),
    request_id Nullable(String),
    kafka_partition Int32 DEFAULT -1,
    kafka_offset Int64 DEFAULT -1,
    row_version UInt64 MATERIALIZED bitNot(toUInt64(kafka_offset + 1))
)
ENGINE = ReplacingMergeTree(row_version)
ORDER BY (model, id, outcome);

-- A repeated id is the same request: the first one stays.
-- cluster: shard by cityHash64(model)
CREATE TABLE IF NOT EXISTS retraining_requests
(
    id String,
    model LowCardinality(String),
    reason String,
    policy LowCardinality(String),
    evidence String,
    requested_by String,
    requested_at DateTime64(3, 'UTC'),
    label_cut_off DateTime64(3, 'UTC'),
    dataset Nullable(String),
    kafka_partition Int32 DEFAULT -1,
    kafka_offset Int64 DEFAULT -1,
    row_version UInt64 MATERIALIZED bitNot(toUInt64(kafka_offset + 1))
)
ENGINE = ReplacingMergeTree(row_version)
ORDER BY (model, id);

-- Which version served from when on; every epoch is kept, also those the topic has compacted away.
-- cluster: shard by cityHash64(model)
CREATE TABLE IF NOT EXISTS model_versions
(
    model LowCardinality(String),
    version Int32,
    epoch Int64,
    bundle_digest String,
    action LowCardinality(String),
    reason String,
    promoted_by String,
    at DateTime64(3, 'UTC'),
    signature Nullable(String),
    kafka_partition Int32 DEFAULT -1,
    kafka_offset Int64 DEFAULT -1,
    row_version UInt64 MATERIALIZED toUInt64(kafka_offset + 1)
)
ENGINE = ReplacingMergeTree(row_version)
ORDER BY (model, epoch);

-- Every state an instance reported.
-- cluster: shard by cityHash64(model)
CREATE TABLE IF NOT EXISTS serving_status
(
    instance String,
    model LowCardinality(String),
    version Int32,
    epoch Int64,
    bundle_digest String,
    state LowCardinality(String),
    first_offsets Array(Tuple(partition Int32, offset Int64)),
    device LowCardinality(String),
    error Nullable(String),
    at DateTime64(3, 'UTC'),
    kafka_partition Int32 DEFAULT -1,
    kafka_offset Int64 DEFAULT -1,
    row_version UInt64 MATERIALIZED toUInt64(kafka_offset + 1)
)
ENGINE = ReplacingMergeTree(row_version)
ORDER BY (model, instance, epoch, at, state);

-- Everything the registry decided; a repeated id is applied once: the first one stays.
-- cluster: shard by cityHash64(model)
CREATE TABLE IF NOT EXISTS registry_events
(
    id String,
    kind LowCardinality(String),
    model LowCardinality(String),
    version Nullable(Int32),
    run_id Nullable(String),
    stage Nullable(String),
    epoch Nullable(Int64),
    bundle_digest Nullable(String),
    alias Nullable(String),
    request_id Nullable(String),
    parameters Map(String, String),
    metrics Map(String, Float64),
    artifacts Map(String, String),
    lineage String,
    by String,
    reason String,
    at DateTime64(3, 'UTC'),
    kafka_partition Int32 DEFAULT -1,
    kafka_offset Int64 DEFAULT -1,
    row_version UInt64 MATERIALIZED bitNot(toUInt64(kafka_offset + 1))
)
ENGINE = ReplacingMergeTree(row_version)
ORDER BY (model, id);

-- What could not be processed: topic, partition and offset are those of the original record. Its bytes stay in the
-- dead-letter topic; here is what one needs to find it and to see what it was.
-- cluster: shard by cityHash64(topic, partition, offset)
CREATE TABLE IF NOT EXISTS dead_letters
(
    topic LowCardinality(String),
    partition Int32,
    offset Int64,
    timestamp DateTime64(3, 'UTC'),
    key String,
    value_bytes Int64,
    error String,
    reason LowCardinality(String),
    stage LowCardinality(String),
    attempts Int32,
    failed_at DateTime64(3, 'UTC'),
    schema_id Nullable(Int64),
    kafka_partition Int32 DEFAULT -1,
    kafka_offset Int64 DEFAULT -1,
    row_version UInt64 MATERIALIZED bitShiftLeft(toUInt64(kafka_offset + 1), 12) + toUInt64(kafka_partition + 1)
)
ENGINE = ReplacingMergeTree(row_version)
ORDER BY (topic, partition, offset, stage);
