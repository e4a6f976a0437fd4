import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import type { Prediction, Text } from '#libs/events';
import { testText } from '../../libs/model/src/testing/test-bundle.ts';
import { tidemill } from '../support/product.ts';
import { startWords, type Words } from './rest-words.ts';

/** `tidemill audit` on the whole loop: every service, Kafka, registry and ClickHouse are the real ones. */

let words: Words;
let config: string;
let began: string;
beforeAll(async () => {
  words = await startWords({});
  const { kafka, schemaRegistry, dataDirectory } = words.loop.config;
  config = join(dataDirectory, 'audit.json');
  const settings = {
    dataDirectory,
    kafka: { brokers: kafka.brokers, topicPrefix: kafka.topicPrefix },
    schemaRegistry: { url: schemaRegistry.url },
  };
  await writeFile(config, JSON.stringify(settings));
  await writeFile(join(dataDirectory, 'token'), 'sesame\n', { mode: 0o600 });
  await send(Array.from({ length: 1200 }, (_, i) => textOf(`t${i}`)));
  began = new Date().toISOString();
  await send([textOf('t1'), { ...textOf('t2'), text: 'sent again' }, { ...textOf('odd'), model: 'nobody' }]);
  const ids = ["it's", '\\', 'ü – 字'];
  await send(ids.map((id) => ({ ...textOf(id), text: id })));
  const producer = words.loop.stream.producer();
  await producer.sendRaw('texts', [{ key: 'junk', value: Buffer.from('junk') }]);
  await producer.close();
}, 180_000);
afterAll(() => words[Symbol.asyncDispose]());

const textOf = (id: string): Text => {
  const text = testText(id.length % 2 === 0 ? 'north' : 'south', id.length);
  return { id, model: 'words', text, occurredAt: Date.now(), source: '', attributes: {} };
};

async function send(texts: readonly Text[]): Promise<void> {
  const producer = words.loop.stream.producer();
  await producer.send(
    'texts',
    texts.map((value) => ({ key: value.id, value })),
  );
  await producer.close();
}

const audit = (...args: string[]) => tidemill('audit', 'texts', '--config', config, '--url', words.loop.url, ...args);

const report = z.object({
  texts: z.number(),
  answered: z.number(),
  deadLettered: z.number(),
  stored: z
    .object({ predictions: z.number(), texts: z.number(), deadLetters: z.number(), inFlight: z.number() })
    .optional(),
  findings: z.record(z.string(), z.number()),
  list: z.array(z.object({ kind: z.string(), textId: z.string().nullable() })),
});

async function reported(...args: string[]) {
  const { code, stdout, stderr } = await audit('--json', ...args);
  if (stdout === '') throw new Error(stderr);
  const { findings, ...rest } = report.parse(JSON.parse(stdout));
  return { code, ...rest, wrong: Object.fromEntries(Object.entries(findings).filter(([, count]) => count > 0)) };
}

it('is clean where the loop did its work: answers, dead letters, rows, ids that were sent again', async () => {
  const done = await reported('--wait', '1m');
  expect(done).toMatchObject({ code: 0, wrong: {}, texts: 1207, answered: 1205, deadLettered: 2 });
  // One of them cannot be read: it has no row.
  expect(done.stored).toEqual({ predictions: 1205, texts: 1206, deadLetters: 2, inFlight: 0 });
});

it('takes a part: by time, partition and offset, model, without the tables', async () => {
  const late = await reported('--from', began);
  expect(late).toMatchObject({ code: 0, wrong: {}, texts: 7 });
  expect(await reported('--to', began)).toMatchObject({ code: 0, wrong: {}, texts: 1200 });
  const some = await reported('--partition', '2', '--from-offset', '10', '--to-offset', '60', '--no-tables');
  expect(some).toMatchObject({ code: 0, wrong: {}, texts: 50 });
  expect(some).not.toHaveProperty('stored');
  expect(await reported('--model', 'nobody')).toMatchObject({ code: 0, wrong: {}, texts: 1, deadLettered: 1 });
});

it('tells what was done to an answer in Kafka and to rows in the tables', async () => {
  const answers: { value: Prediction; partition: number }[] = [];
  await words.loop.stream.readToEnd('predictions', ({ value, partition }) => {
    if (value !== null) answers.push({ value, partition });
  });
  const [first, second, third] = answers;
  if (first === undefined || second === undefined || third === undefined) return expect.unreachable();
  const producer = words.loop.stream.producer();
  const forged = {
    ...first.value,
    label: 'south',
    confidence: 0.9,
    probabilities: { south: 0.9 },
    inferredAt: first.value.inferredAt + 1,
  };
  const unknown = { ...second.value, epoch: 99 };
  await producer.send('predictions', [
    { key: first.value.textId, value: forged },
    { key: second.value.textId, value: unknown },
  ]);
  await producer.close();
  // Waits until the forged ones are stored.
  expect((await reported('--wait', '1m')).wrong).toEqual({ contradicting: 1, 'wrong-version': 1 });
  await words.loop.clickhouse.command(
    'ALTER TABLE predictions DELETE WHERE text_id = {id:String}',
    {
      id: third.value.textId,
    },
    { settings: { mutations_sync: '2' } },
  );
  await words.loop.clickhouse.command(
    "ALTER TABLE dead_letters UPDATE reason = 'none' WHERE error = 'unknown-model'",
    {},
    { settings: { mutations_sync: '2' } },
  );
  const list = join(words.loop.config.dataDirectory, 'findings.jsonl');
  const done = await reported('--list', list, '--limit', '1');
  expect(done.code).toBe(1);
  expect(done.wrong).toEqual({ contradicting: 1, 'wrong-version': 1, 'stored-wrongly': 2 });
  expect(done.list.map(({ kind, textId }) => [kind, textId])).toContainEqual(['contradicting', first.value.textId]);
  expect((await readFile(list, 'utf8')).trim().split('\n')).toHaveLength(4);
  const { code, stdout } = await audit();
  expect(code).toBe(1);
  expect(stdout).toMatch(/^contradicting +1$/m);
  expect(stdout).toContain('epoch 99 of words was never promoted');
});

it.each([
  [['labels'], 'topic labels cannot be audited'],
  [['texts', '--from', 'yesterday'], '--from yesterday is not a time'],
  [['texts', '--to', '2026-01-31T09:30:00'], 'is not a time with its zone'],
  [['texts', '--from', '2026-01-31T00:00:00Z', '--to', '2026-01-30T00:00:00+01:00'], '--from is after --to'],
  [['texts', '--partition', '0', '--from-offset', '2', '--to-offset', '1'], '--from-offset is after --to-offset'],
  [['texts', '--no-tables', '--partition', '99'], 'no partition 99'],
  [['texts', '--no-tables', '--model', 'wrods'], 'no texts of a model wrods'],
  [['texts', '--from-offset', '1'], 'name it with --partition'],
  [['texts', '--wait', '5'], '--wait 5 is not a duration'],
])('used wrongly: %j', async (args, message) => {
  const { code, stderr } = await tidemill('audit', ...args, '--config', config);
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(message) });
});
