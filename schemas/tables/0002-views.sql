-- What analysts read: the mechanics (replays, repeated labels, swaps) are already taken away.

-- One row a text and model: the answer to the latest record of the text (a text may be sent again under its id), and
-- of several answers to that record, which a swap between answer and commit leaves, the one of the lowest epoch: it was
-- given first.
CREATE VIEW IF NOT EXISTS effective_predictions AS
SELECT * EXCEPT (kafka_partition, kafka_offset)
FROM predictions FINAL
WHERE role = 'champion'
ORDER BY model, text_id, input_offset DESC, input_partition DESC, epoch
LIMIT 1 BY model, text_id;

-- One row a text and model: the label given last (labelled_at); given at the same instant, the one produced last.
CREATE VIEW IF NOT EXISTS effective_labels AS
SELECT * EXCEPT (kafka_partition, kafka_offset)
FROM labels FINAL
ORDER BY model, text_id, labelled_at DESC, kafka_offset DESC, kafka_partition DESC
LIMIT 1 BY model, text_id;

-- One row a text and model that has both.
CREATE VIEW IF NOT EXISTS labelled_predictions AS
SELECT
    p.model AS model,
    p.text_id AS text_id,
    p.version AS version,
    p.epoch AS epoch,
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

-- One row a version event and serving instance: when and at which first offset of each partition of texts it took over.
-- Before an instance serves it: instance empty, serving_at null.
CREATE VIEW IF NOT EXISTS swaps AS
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
    s.serving_at AS serving_at,
    s.first_offsets AS first_offsets,
    s.device AS device
FROM
(
    SELECT
        *,
        lagInFrame(toNullable(version)) OVER (PARTITION BY model ORDER BY epoch ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS from_version
    FROM model_versions FINAL
) AS v
LEFT JOIN
(
    SELECT
        model,
        epoch,
        instance,
        toNullable(min(at)) AS serving_at,
        CAST(minMap(first_offsets.partition, first_offsets.offset), 'Map(Int32, Int64)') AS first_offsets,
        argMin(device, at) AS device
    FROM serving_status FINAL
    WHERE state = 'serving'
    GROUP BY model, epoch, instance
) AS s ON s.model = v.model AND s.epoch = v.epoch;

-- One row a training run, from what the registry recorded.
CREATE VIEW IF NOT EXISTS runs AS
SELECT
    model,
    run_id,
    argMax(e.kind, (e.at, e.kafka_offset)) AS last_kind,
    transform(last_kind, ['run-started', 'run-finished', 'run-failed'], ['running', 'finished', 'failed'], 'finished') AS status,
    min(e.at) AS started_at,
    if(status = 'running', NULL, maxIf(e.at, e.kind IN ('run-finished', 'run-failed'))) AS finished_at,
    max(e.version) AS version,
    anyIf(e.request_id, e.request_id IS NOT NULL) AS request_id,
    argMax(e.parameters, (notEmpty(e.parameters), e.at, e.kafka_offset)) AS parameters,
    argMax(e.metrics, (notEmpty(e.metrics), e.at, e.kafka_offset)) AS metrics,
    argMax(e.artifacts, (notEmpty(e.artifacts), e.at, e.kafka_offset)) AS artifacts,
    argMax(e.lineage, (e.lineage != '{}', e.at, e.kafka_offset)) AS lineage,
    argMax(e.reason, (e.kind IN ('run-finished', 'run-failed'), e.at, e.kafka_offset)) AS reason,
    argMin(e.by, (e.at, e.kafka_offset)) AS started_by
FROM
(
    SELECT * EXCEPT (run_id), assumeNotNull(run_id) AS run_id
    FROM registry_events FINAL
    WHERE run_id IS NOT NULL AND kind IN ('run-started', 'run-finished', 'run-failed', 'version-registered')
) AS e
GROUP BY model, run_id;

-- One row a run and metric.
CREATE VIEW IF NOT EXISTS run_metrics AS
SELECT
    model,
    run_id,
    version,
    metric.1 AS name,
    metric.2 AS value
FROM runs
ARRAY JOIN CAST(metrics, 'Array(Tuple(String, Float64))') AS metric;
