import 'reflect-metadata';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ClientKafka, EventPattern, type MicroserviceOptions, Payload, Transport } from '@nestjs/microservices';
import kafkajs from 'kafkajs';
import ort from 'onnxruntime-node';
import { lastValueFrom } from 'rxjs';
import { encodeUtf16 } from '#libs/normalisation';

/**
 * What one writes with Nest's own Kafka transport: an event handler that runs the model on one text and emits the
 * prediction. Values are JSON, as that transport has them. Arguments: brokers, topic prefix, model.onnx, labels.
 */
// The texts are produced as Tidemill produces them; kafkajs brings no zstd.
kafkajs.CompressionCodecs[kafkajs.CompressionTypes.ZSTD] = () => ({
  compress: async ({ buffer }: { buffer: Buffer }) => zstdCompressSync(buffer),
  decompress: async (buffer: Buffer) => zstdDecompressSync(buffer),
});
const [, , brokers = '', prefix = '', modelPath = '', labels = ''] = process.argv;
const classes = labels.split(',');
const session = await ort.InferenceSession.create(modelPath, { intraOpNumThreads: 1 });
const kafka = { client: { clientId: 'peer', brokers: brokers.split(',') } };
const client = new ClientKafka({ ...kafka, producerOnlyMode: true });
await client.connect();

class Texts {
  async handle(text: { id: string; text: string }): Promise<void> {
    const { units, rows, columns } = encodeUtf16([text.text]);
    const results = await session.run({
      [session.inputNames[0] ?? '']: new ort.Tensor('int32', units, [rows, columns]),
    });
    const data = results[session.outputNames[0] ?? '']?.data;
    if (!(data instanceof Float32Array)) throw new Error('no probabilities');
    const probabilities = Object.fromEntries(classes.map((label, i) => [label, data[i]]));
    await lastValueFrom(
      client.emit(`${prefix}predictions`, { key: text.id, value: { textId: text.id, probabilities } }),
    );
  }
}
// Decorators as calls: this file runs unbuilt.
const handle = Object.getOwnPropertyDescriptor(Texts.prototype, 'handle');
if (handle === undefined) throw new Error('no handler');
EventPattern(`${prefix}texts`)(Texts.prototype, 'handle', handle);
Payload()(Texts.prototype, 'handle', 0);
Controller()(Texts);
class PeerModule {}
Module({ controllers: [Texts] })(PeerModule);

const app = await NestFactory.createMicroservice<MicroserviceOptions>(PeerModule, {
  transport: Transport.KAFKA,
  options: { ...kafka, consumer: { groupId: `${prefix}peer` }, subscribe: { fromBeginning: true } },
  logger: ['error'],
});
await app.listen();
process.send?.('ready');
