-- One row a version event and instance that took note of it: when it came to each step, and for each partition of texts
-- the first offset it answered and when. Before an instance takes note: instance empty, state none.
-- A restarted instance that loads the same epoch again makes no new swap: the earliest time of each step counts. The
-- cut-over of a partition is the lowest first offset of its instances; a higher one is where another instance took the
-- partition over.
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
    FROM model_versions FINAL
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
