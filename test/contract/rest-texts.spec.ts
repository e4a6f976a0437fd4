import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Accepted } from '../../apps/gateway/src/texts/texts.schemas.ts';
import { RestClient } from './rest-client.ts';
import { type RestStack, startRestStack } from './rest-stack.ts';

let stack: RestStack;
let client: RestClient;
beforeAll(async () => {
  stack = await startRestStack();
  client = await RestClient.connect(stack.url);
});
afterAll(() => stack[Symbol.asyncDispose]());

async function recorded(topic: 'texts' | 'labels') {
  const values: unknown[] = [];
  const records: { partition: number; offset: number; key: string | null; value: unknown }[] = [];
  await stack.stream.readToEnd(topic, ({ value, key, partition, offset }) => {
    values.push(value);
    records.push({ partition, offset: Number(offset), key, value });
  });
  return records;
}

function acceptedOf(answer: { body: unknown }) {
  return (answer.body as Accepted).accepted;
}

describe('POST /v1/texts', () => {
  it('answers 202 with the place of each record, which is where Kafka has it', async () => {
    const answer = await client.post('/v1/texts', [
      {
        model: 'm',
        id: 'text-1',
        text: 'ä\u0000😀 مرحبا',
        occurredAt: '2026-01-31T12:00:00+01:00',
        attributes: { group: 'g' },
      },
      { model: 'm', text: '' },
    ]);
    expect(answer.status).toBe(202);
    const [first, second] = acceptedOf(answer);
    const records = await recorded('texts');
    const found = records.find(({ key }) => key === 'text-1');
    expect(found).toMatchObject({
      partition: first?.partition,
      offset: first?.offset,
      value: {
        id: 'text-1',
        text: 'ä\u0000😀 مرحبا',
        occurredAt: Date.UTC(2026, 0, 31, 11),
        source: 'http',
        attributes: { group: 'g' },
      },
    });
    expect(second?.id).toMatch(/^[0-9a-f-]{36}$/);
    expect(first?.topic).toBe(`${stack.config.kafka.topicPrefix}texts`);
  });

  it('turns a lone surrogate into U+FFFD', async () => {
    const raw = { type: 'application/json', content: '{"model":"m","id":"surrogate","text":"a\\ud800b"}' };
    expect((await client.ask('/v1/texts', { method: 'POST', raw })).status).toBe(202);
    const records = await recorded('texts');
    expect(records.find(({ key }) => key === 'surrogate')?.value).toMatchObject({ text: 'a\uFFFDb' });
  });

  it('does nothing twice under one Idempotency-Key', async () => {
    const body = [
      { model: 'm', text: 'once' },
      { model: 'm', text: 'once more' },
    ];
    const ask = () => client.post('/v1/texts', body, { 'idempotency-key': 'key-1' });
    const answers = await Promise.all([ask(), ask()]);
    answers.push(await ask());
    expect(new Set(answers.map((answer) => JSON.stringify(answer.body))).size).toBe(1);
    const ids = acceptedOf(answers[0] ?? { body: {} }).map(({ id }) => id);
    const records = await recorded('texts');
    expect(records.filter(({ key }) => ids.includes(key ?? ''))).toHaveLength(2);
  });

  it('refuses the key with another body', async () => {
    await client.post('/v1/texts', { model: 'm', text: 'a' }, { 'idempotency-key': 'key-2' });
    const answer = await client.post('/v1/texts', { model: 'm', text: 'b' }, { 'idempotency-key': 'key-2' });
    expect(answer).toMatchObject({ status: 422, body: { detail: expect.stringContaining('another body') } });
  });

  it('takes 1,000 records and not one more', async () => {
    const many = (count: number) =>
      Array.from({ length: count }, (_, i) => ({ model: 'm', id: `many-${i}`, text: 't' }));
    const answer = await client.post('/v1/texts', many(1000));
    expect(acceptedOf(answer).map(({ id }) => id)).toEqual(many(1000).map(({ id }) => id));
    expect((await client.post('/v1/texts', many(1001))).status).toBe(413);
  });

  it.each([
    ['no model', { text: 'a' }, '/model'],
    ['a model name that is none', { model: 'A B', text: 'a' }, '/model'],
    ['no text', { model: 'm' }, '/text'],
    ['a text that is none', { model: 'm', text: 5 }, '/text'],
    ['an empty id', { model: 'm', text: 'a', id: '' }, '/id'],
    ['control characters in the id', { model: 'm', text: 'a', id: 'a\nb' }, '/id'],
    ['a time without offset', { model: 'm', text: 'a', occurredAt: '2026-01-01T00:00:00' }, '/occurredAt'],
    ['a time no calendar has', { model: 'm', text: 'a', occurredAt: '2026-02-31T00:00:00Z' }, '/occurredAt'],
    ['a time no column holds', { model: 'm', text: 'a', occurredAt: '0001-01-01T00:00:00Z' }, '/occurredAt'],
    ['attributes that are not text', { model: 'm', text: 'a', attributes: { a: 1 } }, '/attributes/a'],
    ['an unknown field', { model: 'm', text: 'a', txet: 'b' }, '/txet'],
    ['a second record that is wrong', [{ model: 'm', text: 'a' }, { model: 'm' }], '/1/text'],
    ['no records', [], ''],
    ['a number', 5, ''],
    ['null', null, ''],
  ])('answers 422 to %s and points at it', async (_name, body, pointer) => {
    const answer = await client.ask('/v1/texts', {
      method: 'POST',
      raw: { type: 'application/json', content: JSON.stringify(body) },
    });
    expect(answer).toMatchObject({
      status: 422,
      body: { errors: expect.arrayContaining([expect.objectContaining({ pointer })]) },
    });
  });

  it.each([
    ['malformed JSON', { type: 'application/json', content: '{"model":' }, 400],
    ['an empty body', { type: 'application/json', content: '' }, 400],
    ['a form', { type: 'application/x-www-form-urlencoded', content: 'a=b' }, 415],
    ['plain text', { type: 'text/plain', content: 'a' }, 415],
    ['a stream where JSON is wanted', { type: 'application/x-ndjson', content: '{}' }, 415],
    [
      'more than 1 MiB',
      { type: 'application/json', content: JSON.stringify({ model: 'm', text: 'x'.repeat(1_048_600) }) },
      413,
    ],
  ])('answers %s with its status', async (_name, raw, status) => {
    expect((await client.ask('/v1/texts', { method: 'POST', raw })).status).toBe(status);
  });
});

describe('POST /v1/labels', () => {
  it('answers 202 and Kafka has the label under the text id', async () => {
    const answer = await client.post('/v1/labels', {
      model: 'm',
      textId: 'text-1',
      label: 'spam',
      labeller: 'ann',
      labelledAt: '2026-02-01T00:00:00Z',
      confidence: 0.5,
    });
    expect(answer.status).toBe(202);
    const records = await recorded('labels');
    expect(records).toContainEqual({
      partition: acceptedOf(answer)[0]?.partition,
      offset: acceptedOf(answer)[0]?.offset,
      key: 'text-1',
      value: {
        textId: 'text-1',
        model: 'm',
        label: 'spam',
        labeller: 'ann',
        source: 'human',
        labelledAt: Date.UTC(2026, 1, 1),
        confidence: 0.5,
      },
    });
  });

  it.each([
    ['no label', { model: 'm', textId: 'a' }, '/label'],
    ['a confidence above 1', { model: 'm', textId: 'a', label: 'b', confidence: 2 }, '/confidence'],
    ['an unknown source', { model: 'm', textId: 'a', label: 'b', source: 'oracle' }, '/source'],
  ])('answers 422 to %s', async (_name, body, pointer) => {
    const answer = await client.post('/v1/labels', body);
    expect(answer).toMatchObject({ status: 422, body: { errors: [expect.objectContaining({ pointer })] } });
  });
});
