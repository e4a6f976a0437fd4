import { expect, it } from 'vitest';
import { type Text, topics } from '#libs/events';
import { connectStream, type Stream } from '#libs/stream';
import { ConfluentRegistry } from '../../libs/stream/src/codec/confluent-registry.ts';
import { consumeTexts, openTestStream, testKafka } from '../support/stream.ts';

it('a schema that breaks readers is refused with the registry’s own reason', async () => {
  await using test = await openTestStream({ create: ['labels'] });
  const registry = new ConfluentRegistry({ url: testKafka().registryUrl, clientId: 'test' });
  const { fields, ...rest } = JSON.parse(topics.texts.schema) as { fields: { name: string; type: unknown }[] };
  const broken = { ...rest, fields: fields.filter(({ name }) => name !== 'model' && name !== 'occurredAt') };
  await registry.register(`${test.topicPrefix}texts-value`, JSON.stringify(broken), 'BACKWARD');
  const failure = await test.stream.admin.registerSchemas([topics.texts]).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: 'SCHEMA_INCOMPATIBLE', retriable: false });
  expect(String(failure)).toMatch(
    new RegExp(`${test.topicPrefix}texts-value.*(READER_FIELD_MISSING_DEFAULT|ncompatible)`),
  );
  registry.close();
});

it('records of an older writer are read with their defaults', async () => {
  await using test = await openTestStream({ create: [] });
  const registry = new ConfluentRegistry({ url: testKafka().registryUrl, clientId: 'test' });
  const { fields, ...rest } = JSON.parse(topics.texts.schema) as { fields: { name: string }[] };
  const older = { ...rest, fields: fields.filter(({ name }) => name !== 'attributes' && name !== 'source') };
  const subject = `${test.topicPrefix}texts-value`;
  const id = await registry.register(subject, JSON.stringify(older), 'BACKWARD');
  await test.stream.admin.applyTopics([topics.texts]);
  await test.stream.admin.registerSchemas([topics.texts]);
  const value = Buffer.from([0, 0, 0, 0, 0, 2, 0x74, 2, 0x6d, 2, 0x78, 2]);
  value.writeInt32BE(id, 1);
  await test.stream.producer().sendRaw('texts', [{ key: 't', value }]);
  const [batch] = await consumeTexts(test.stream, { groupId: 'g', count: 1 });
  const expected: Text = { id: 't', model: 'm', text: 'x', occurredAt: 1, source: '', attributes: {} };
  expect(batch?.messages[0]).toMatchObject({ ok: true, value: expected });
  registry.close();
});

it('a registry that does not answer is worth another try', async () => {
  const registry = new ConfluentRegistry({ url: 'http://127.0.0.1:1', clientId: 'test', timeout: 2000 });
  await expect(registry.find(1)).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE', retriable: true });
  await expect(registry.register('s', topics.texts.schema, 'BACKWARD')).rejects.toMatchObject({
    code: 'REGISTRY_UNAVAILABLE',
  });
  registry.close();
});

it('a service that starts before its broker or its topics says so again and again', async () => {
  const wait = async (stream: Stream) => {
    const stop = new AbortController();
    const said: string[] = [];
    const onWaiting = (reason: string) => {
      if (said.push(reason) === 2) stop.abort();
    };
    await stream.admin.waitForTopics([topics.texts], { onWaiting, signal: stop.signal });
    return said;
  };
  await using test = await openTestStream({ create: [] });
  const missing = /^topics are missing: .*texts, .*texts-dlq; run `tidemill topics apply`/;
  expect(await wait(test.stream)).toEqual([expect.stringMatching(missing), expect.stringMatching(missing)]);
  const nowhere = await connectStream({ ...test.options, brokers: ['127.0.0.1:1'] });
  const silent = /^Kafka does not answer: .*ECONNREFUSED/;
  expect(await wait(nowhere)).toEqual([expect.stringMatching(silent), expect.stringMatching(silent)]);
  await nowhere.close();
  await test.stream.admin.applyTopics([topics.texts]);
  await test.stream.admin.waitForTopics([topics.texts], { onWaiting: (reason) => expect.unreachable(reason) });
});
