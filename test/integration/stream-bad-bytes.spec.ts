import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Text, topics } from '#libs/events';
import { consumeTexts, openTestStream, type TestStream } from '../support/stream.ts';

let test: TestStream;
beforeAll(async () => {
  test = await openTestStream({ create: ['texts', 'labels'] });
});
afterAll(() => test.stream.close());

const mebibyte = 1_048_576;
/** To be sent as Avro. */
const avroText = (id: string, text: string) => ({ id, text });
const toRecord = ({ id, text }: { id: string; text: string }): Text => ({
  id,
  model: 'm',
  text,
  occurredAt: 1_700_000_000_000,
  source: '',
  attributes: {},
});
const json = (fields: object) => Buffer.from(JSON.stringify({ id: 'j', model: 'm', text: 'x', ...fields }));
const wire = (id: number, ...payload: number[]) => {
  const head = Buffer.from([0, 0, 0, 0, 0]);
  head.writeInt32BE(id, 1);
  return Buffer.concat([head, Buffer.from(payload)]);
};

/** Accepted with this text, or rejected with this code and reason. */
type Outcome = { text: string } | { code: string; reason: RegExp };
type Case = [name: string, value: Buffer | { id: string; text: string } | null, outcome: Outcome];

function cases(textsId: number, labelsId: number): Case[] {
  const family = '👨‍👩‍👧‍👦 مرحبا שלום 你好';
  return [
    ['garbage', Buffer.from('\u0001\u0002garbage'), { code: 'unknown-magic', reason: /first byte is 1/ }],
    ['three bytes', Buffer.from([0, 1, 2]), { code: 'truncated', reason: /no schema id/ }],
    ['an unknown schema id', wire(987_654_321, 2, 0x61), { code: 'unknown-schema-id', reason: /987654321/ }],
    ['a negative schema id', wire(-1, 2, 0x61), { code: 'unknown-schema-id', reason: /-1/ }],
    ['another topic’s schema', wire(labelsId, 2, 0x61), { code: 'schema-mismatch', reason: /cannot be read as/ }],
    ['a cut record', wire(textsId, 2, 0x61, 2), { code: 'truncated', reason: /more items than bytes/ }],
    [
      'a length beyond the record',
      wire(textsId, 0xfe, 0xff, 0xff, 0xff, 0xff, 0x7f),
      { code: 'truncated', reason: /./ },
    ],
    ['no value', null, { code: 'empty-value', reason: /no value/ }],
    ['an empty value', Buffer.alloc(0), { code: 'empty-value', reason: /no value/ }],
    ['malformed JSON', Buffer.from('{"id": "a", '), { code: 'invalid-json', reason: /not JSON/ }],
    ['JSON that is not UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), { code: 'invalid-json', reason: /not JSON/ }],
    ['a wrong type', json({ id: 7 }), { code: 'invalid-record', reason: /^id: must be a string/ }],
    ['a missing field', json({ text: undefined }), { code: 'invalid-record', reason: /^text: is missing/ }],
    ['an empty id', json({ id: '' }), { code: 'invalid-record', reason: /^id: must not be empty/ }],
    ['a model name', json({ model: '../etc' }), { code: 'invalid-record', reason: /^model: / }],
    ['more than 1 MiB', json({ text: 'x'.repeat(mebibyte + 1) }), { code: 'invalid-record', reason: /^text: has/ }],
    ['1 MiB', avroText('max', 'y'.repeat(mebibyte)), { text: 'y'.repeat(mebibyte) }],
    ['1 MiB of NUL as JSON', json({ text: '\0'.repeat(mebibyte) }), { text: '\0'.repeat(mebibyte) }],
    ['an empty text', avroText('empty', ''), { text: '' }],
    ['NUL', avroText('nul', 'a\0b'), { text: 'a\0b' }],
    ['emoji and right-to-left', avroText('rtl', family), { text: family }],
    ['the same as JSON', json({ text: family }), { text: family }],
    ['a lone surrogate', avroText('lone', 'a\ud83d'), { text: 'a\ufffd' }],
    ['a lone surrogate as JSON', Buffer.from('{"id":"l","model":"m","text":"a\\ud83d"}'), { text: 'a\ufffd' }],
    ['an ordinary JSON text', json({ occurredAt: '2026-01-31T12:00:00Z' }), { text: 'x' }],
  ];
}

describe('whatever comes through a topic', () => {
  it('has a defined outcome, and what is rejected keeps its bytes, key and headers', async () => {
    const { stream } = test;
    const producer = stream.producer();
    const [texts, labels] = await schemaIds();
    const matrix = cases(texts, labels);
    for (const [name, value] of matrix) {
      const envelope = { key: name, headers: { origin: `test ${name}` }, partition: 1 };
      if (value === null || Buffer.isBuffer(value)) await producer.sendRaw('texts', [{ ...envelope, value }]);
      else await producer.send('texts', [{ ...envelope, value: toRecord(value) }]);
    }
    const seen = new Map<string, { text: string } | { code: string }>();
    const done = Promise.withResolvers<void>();
    const pipeline = await stream.consume({
      groupId: 'inference',
      topics: ['texts'],
      handleBatch: async ({ messages }, control) => {
        await control.fence();
        for (const message of messages) {
          seen.set(message.key ?? '', message.ok ? { text: message.value.text } : { code: message.reject.code });
        }
        if (seen.size === matrix.length) done.resolve();
      },
    });
    await done.promise;
    await pipeline.close();
    for (const [name, , outcome] of matrix) {
      expect({ name, ...seen.get(name) }).toEqual({
        name,
        ...('text' in outcome ? outcome : { code: outcome.code }),
      });
    }
    const letters = await stream.deadLetters.list('texts');
    expect(
      letters.map((letter) => ({
        name: letter.key?.toString(),
        value: letter.value,
        origin: String(letter.headers['origin']),
        error: letter.error,
        reason: letter.reason,
      })),
    ).toEqual(
      matrix.flatMap(([name, value, outcome]) => {
        if ('text' in outcome) return [];
        const reason = expect.stringMatching(outcome.reason) as string;
        return [{ name, value, origin: `test ${name}`, error: outcome.code, reason }];
      }),
    );
    for (const letter of letters) {
      expect(letter).toMatchObject({ topic: `${test.topicPrefix}texts`, partition: 1, stage: 'decode', attempts: 1 });
    }
    expect((await stream.admin.groupLag('inference', 'texts')).total).toBe(0);
    expect(test.fatal).toEqual([]);
    expect(test.readiness.ready).toBe(true);
  });

  it('goes back to where it came from when it is replayed', async () => {
    const { stream } = test;
    const [letter] = await stream.deadLetters.list('texts');
    const before = await stream.admin.endOffsets('texts');
    const total = before.reduce((sum, { high }) => sum + Number(high), 0);
    await stream.deadLetters.replay('texts', [letter?.id ?? -1n]);
    const batches = await consumeTexts(stream, { groupId: 'replayed', count: total + 1 });
    const same = batches.flatMap(({ messages }) => messages).filter(({ key }) => key === letter?.key?.toString());
    expect(same).toHaveLength(2);
    expect(same[1]?.raw.value).toEqual(letter?.value);
    expect(same[1]?.timestamp).toBe(letter?.timestamp);
    expect(Object.keys(same[1]?.headers ?? {})).toEqual(['origin']);
    const open = await stream.deadLetters.list('texts');
    expect(open.some(({ id }) => id === letter?.id)).toBe(false);
  });
});

async function schemaIds(): Promise<[number, number]> {
  const ids = await test.stream.admin.registerSchemas([topics.texts, topics.labels]);
  return [ids.get('texts') ?? 0, ids.get('labels') ?? 0];
}
