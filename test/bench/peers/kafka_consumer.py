"""Kafka in, Kafka out as a Python team would write it: confluent-kafka, fastavro, ONNX Runtime, in batches.

Arguments: brokers, topic prefix, bundle folder, schema of texts, schema of predictions, its id in the registry.
"""

import io
import json
import struct
import sys
import time

import fastavro
from confluent_kafka import Consumer, Producer

from classifier import Classifier

BATCH = 512


def main() -> None:
    brokers, prefix, bundle, text_schema, prediction_schema, schema_id = sys.argv[1:]
    classifier = Classifier(bundle)
    reads = fastavro.parse_schema(json.loads(text_schema))
    writes = fastavro.parse_schema(json.loads(prediction_schema))
    header = struct.pack(">bI", 0, int(schema_id))
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": f"{prefix}python",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    producer = Producer({"bootstrap.servers": brokers, "acks": "all", "compression.type": "zstd", "linger.ms": 5})
    consumer.subscribe([f"{prefix}texts"])
    print("ready", flush=True)
    while True:
        messages = [message for message in consumer.consume(BATCH, timeout=0.05) if message.error() is None]
        if not messages:
            continue
        fetched = time.time()
        texts = [fastavro.schemaless_reader(io.BytesIO(message.value()[5:]), reads) for message in messages]
        rows = classifier.probabilities([text["text"] for text in texts])
        inferred = int(time.time() * 1000)
        for message, text, row in zip(messages, texts, rows):
            best = int(row.argmax())
            value = io.BytesIO()
            value.write(header)
            fastavro.schemaless_writer(
                value,
                writes,
                {
                    "textId": text["id"],
                    "model": text["model"],
                    "version": 1,
                    "epoch": 1,
                    "bundleDigest": "d" * 64,
                    "label": classifier.labels[best],
                    "confidence": float(row[best]),
                    "probabilities": dict(zip(classifier.labels, row.tolist())),
                    "role": "champion",
                    "inputTopic": message.topic(),
                    "inputPartition": message.partition(),
                    "inputOffset": message.offset(),
                    "occurredAt": text["occurredAt"],
                    "inferredAt": inferred,
                    "device": "cpu",
                    "truncated": False,
                    "queueMilliseconds": 0.0,
                    "inferenceMilliseconds": (time.time() - fetched) * 1000,
                },
            )
            while True:
                try:
                    producer.produce(f"{prefix}predictions", value.getvalue(), key=text["id"])
                    break
                except BufferError:
                    producer.poll(0.1)
        producer.flush()
        consumer.commit(asynchronous=False)


main()
