-- Versions that are tried beside the champion.

-- Several shadows answer the same record: each keeps its row. Only a column of the same statement can join a sorting key,
-- and only without an expression, which it gets after; on a cluster the Distributed table gets the column apart.
ALTER TABLE predictions
    ADD COLUMN IF NOT EXISTS shadow_version Int32,
    MODIFY ORDER BY (model, text_id, role, epoch, input_partition, input_offset, shadow_version);
ALTER TABLE predictions ADD COLUMN IF NOT EXISTS shadow_version Int32;
ALTER TABLE predictions MODIFY COLUMN shadow_version Int32 MATERIALIZED if(role = 'shadow', version, 0);

-- Every event is kept: an epoch has one that began it, and one for each decision about its challengers.
ALTER TABLE model_versions
    ADD COLUMN IF NOT EXISTS revision Int64 AFTER signature,
    MODIFY ORDER BY (model, epoch, revision);
ALTER TABLE model_versions ADD COLUMN IF NOT EXISTS revision Int64 AFTER signature;
ALTER TABLE model_versions ADD COLUMN IF NOT EXISTS challengers Array(Tuple(version Int32, bundle_digest String, role String, share Float64)) AFTER revision;

-- One row a text and model: the answer that was given, by the champion or a canary, to the latest record of the text (a
-- text may be sent again under its id), and of several answers to that record, which a crash between answer and commit
-- leaves, the one that was given first.
CREATE OR REPLACE VIEW effective_predictions AS
SELECT * EXCEPT (kafka_partition, kafka_offset)
FROM predictions FINAL
WHERE role IN ('champion', 'canary')
ORDER BY model, text_id, input_offset DESC, input_partition DESC, epoch, kafka_offset
LIMIT 1 BY model, text_id;

-- One row a text and model that has both.
CREATE OR REPLACE VIEW labelled_predictions AS
SELECT
    p.model AS model,
    p.text_id AS text_id,
    p.version AS version,
    p.epoch AS epoch,
    p.role AS role,
    p.label AS predicted_label,
    l.label AS true_label,
    p.label = l.label AS correct,
    p.confidence AS confidence,
    p.probabilities AS probabilities,
    p.occurred_at AS occurred_at,
    p.inferred_at AS inferred_at,
    l.labelled_at AS labelled_at,
    l.labeller AS labeller,
    l.source AS label_source,
    p.input_partition AS input_partition,
    p.input_offset AS input_offset
FROM effective_predictions AS p
INNER JOIN effective_labels AS l ON l.model = p.model AND l.text_id = p.text_id;

-- One row a serving epoch: the event that began it.
CREATE VIEW IF NOT EXISTS serving_epochs AS
SELECT *
FROM model_versions FINAL
ORDER BY model, epoch, revision
LIMIT 1 BY model, epoch;

-- One row a labelled text, serving epoch and challenger: what the champion and the challenger answered to the same record,
-- whichever of the two answers was given.
CREATE VIEW IF NOT EXISTS challenger_comparison AS
SELECT
    a.model AS model,
    a.text_id AS text_id,
    a.epoch AS epoch,
    a.version AS champion,
    b.version AS challenger,
    b.role AS challenger_role,
    l.label AS true_label,
    a.label AS champion_label,
    b.label AS challenger_label,
    a.label = l.label AS champion_correct,
    b.label = l.label AS challenger_correct,
    a.confidence AS champion_confidence,
    b.confidence AS challenger_confidence,
    a.occurred_at AS occurred_at,
    b.inferred_at AS inferred_at,
    l.labelled_at AS labelled_at
FROM
(
    SELECT p.*
    FROM (SELECT * FROM predictions FINAL) AS p
    INNER JOIN serving_epochs AS e ON e.model = p.model AND e.epoch = p.epoch
    WHERE p.version = e.version
) AS a
INNER JOIN
(
    SELECT p.*
    FROM (SELECT * FROM predictions FINAL WHERE role IN ('shadow', 'canary')) AS p
    INNER JOIN serving_epochs AS e ON e.model = p.model AND e.epoch = p.epoch
    WHERE p.version != e.version
) AS b ON b.model = a.model AND b.text_id = a.text_id AND b.epoch = a.epoch
    AND b.input_partition = a.input_partition AND b.input_offset = a.input_offset
INNER JOIN effective_labels AS l ON l.model = a.model AND l.text_id = a.text_id
ORDER BY model, text_id, epoch, challenger, a.input_offset DESC, a.input_partition DESC, b.role, a.role
LIMIT 1 BY model, text_id, epoch, challenger;

-- As before, with one row an epoch, however many decisions about challengers it has seen.
CREATE OR REPLACE VIEW swaps AS
SELECT
    v.model AS model,
    v.epoch AS epoch,
    v.version AS version,
    v.from_version AS from_version,
    v.action AS action,
    v.reason AS reason,
    v.promoted_by AS promoted_by,
    v.at AS promoted_at,
    s.instance AS instance,
    if(s.instance = '', 'none', s.state) AS state,
    s.requested_at AS requested_at,
    s.fetched_at AS fetched_at,
    s.verified_at AS verified_at,
    s.warm_at AS warm_at,
    s.serving_at AS serving_at,
    s.first_offsets AS first_offsets,
    s.first_answered_at AS first_answered_at,
    s.failures AS failures,
    s.error AS error,
    s.device AS device
FROM
(
    SELECT
        *,
        lagInFrame(toNullable(version)) OVER (PARTITION BY model ORDER BY epoch ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS from_version
    FROM serving_epochs
) AS v
LEFT JOIN
(
    SELECT
        model,
        epoch,
        instance,
        if(countIf(t.state = 'serving') > 0, 'serving', argMax(t.state, (t.at, t.kafka_offset))) AS state,
        minOrNullIf(t.at, t.state = 'requested') AS requested_at,
        minOrNullIf(t.at, t.state = 'fetched') AS fetched_at,
        minOrNullIf(t.at, t.state = 'verified') AS verified_at,
        minOrNullIf(t.at, t.state = 'warm') AS warm_at,
        minOrNullIf(t.at, t.state = 'serving') AS serving_at,
        CAST(minMap(t.first_offsets.partition, t.first_offsets.offset), 'Map(Int32, Int64)') AS first_offsets,
        CAST(minMap(t.first_offsets.partition, arrayMap(_ -> toUnixTimestamp64Milli(t.at), t.first_offsets.partition)), 'Map(Int32, Int64)') AS first_answered_at,
        countIf(t.state = 'failed') AS failures,
        argMaxIf(t.error, (t.at, t.kafka_offset), t.error IS NOT NULL) AS error,
        argMinIf(t.device, t.at, t.state = 'serving') AS device
    FROM (SELECT * FROM serving_status FINAL) AS t
    GROUP BY model, epoch, instance
) AS s ON s.model = v.model AND s.epoch = v.epoch;
