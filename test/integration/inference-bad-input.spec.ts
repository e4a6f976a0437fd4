import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Prediction, Text } from '#libs/events';
import { ArtifactStore } from '#libs/registry';
import { temporaryFolder, writeTestBundle } from '../../libs/model/src/testing/test-bundle.ts';
import { writeTokensBundle } from '../../libs/model/src/testing/test-transformer.ts';
import { startAppOn } from '../support/app-process.ts';
import { openTestStream } from '../support/stream.ts';
import { versionEvent } from '../../libs/model/src/testing/version-event.ts';

const model = 'reviews';
const mebibyte = 1_048_576;

/** Texts that are unusual and nothing else, with those of schemas/examples. */
function ordinaryTexts(): Text[] {
  const folder = join(import.meta.dirname, '..', '..', 'schemas', 'examples', 'texts', '1');
  const examples = readdirSync(folder).map((file): Text => JSON.parse(readFileSync(join(folder, file), 'utf8')));
  const text = (id: string, content: string): Text => ({
    id,
    model,
    text: content,
    occurredAt: 1_772_443_200_000,
    source: '',
    attributes: {},
  });
  return [
    ...examples,
    text('long', 'word '.repeat(mebibyte / 5)),
    text('nul', 'a\0b\0'),
    text('only-nul', '\0\0\0'),
    text('surrogate', 'a\udc00b\ud800'),
    text('emoji', '👨‍👩‍👧‍👦'.repeat(500)),
    text('right-to-left', 'مرحبا שלום'),
    text('combining', `a${'\u0301'.repeat(5000)}`),
  ];
}

it.each([
  ['utf16', writeTestBundle],
  ['tokens', writeTokensBundle],
])('answers whatever is a text, buries what is none, and never stops for one record: kind %s', async (_kind, write) => {
  await using folder = await temporaryFolder();
  await using test = await openTestStream();
  const { stream } = test;
  const bundle = await write(join(folder.path, 'bundle'), { model, labels: ['north', 'south'] });
  await new ArtifactStore(join(folder.path, 'artifacts')).addBundle(bundle.directory, bundle.digest);
  const producer = stream.producer();
  const value = versionEvent({ model, version: 1, bundleDigest: bundle.digest });
  await producer.send('model-versions', [{ key: model, value }]);

  const texts = ordinaryTexts();
  const partition = 0;
  const garbage = [Buffer.from('\u0001garbage'), Buffer.from([0, 1, 2]), Buffer.from('{"id":7}'), null];
  for (const [i, value] of texts.entries()) {
    await producer.sendRaw('texts', [
      { key: `bad-${i}`, value: garbage[i % garbage.length] ?? null, headers: { at: `${i}` }, partition },
    ]);
    await producer.send('texts', [{ key: value.id, value, partition }]);
  }
  const unknown = {
    ...ordinaryTexts()[0],
    id: 'stranger',
    model: 'nobody-made-it',
    text: 'x',
    occurredAt: 1,
    source: '',
    attributes: {},
  };
  await producer.send('texts', [{ key: unknown.id, value: unknown, partition }]);

  await using inference = startAppOn(test, 'inference', { TIDEMILL__DATADIRECTORY: folder.path });
  const predictions: Prediction[] = [];
  const all = Promise.withResolvers<void>();
  const reader = await stream.readToEnd(
    'predictions',
    ({ value }) => {
      if (value !== null) predictions.push(value);
      if (predictions.length === texts.length) all.resolve();
    },
    { follow: true },
  );
  await all.promise;
  await reader.close();

  predictions.sort((a, b) => a.inputOffset - b.inputOffset);
  expect(predictions.map(({ textId }) => textId)).toStrictEqual(texts.map(({ id }) => id));
  for (const { probabilities, confidence } of predictions) {
    const sum = Object.values(probabilities).reduce((total, probability) => total + probability, 0);
    expect(sum).toBeCloseTo(1, 5);
    expect(confidence).toBeGreaterThanOrEqual(0.5);
  }
  const truncated = predictions.filter((prediction) => prediction.truncated).map(({ textId }) => textId);
  expect(truncated).toContain('long');
  const metrics = await (await fetch(`${await inference.url}/metrics`)).text();
  // At least: a batch that was tried again is counted again.
  const counted = /^tidemill_texts_truncated_total\{[^}]*model="reviews"[^}]*\} (\d+)$/m.exec(metrics)?.[1];
  expect(Number(counted)).toBeGreaterThanOrEqual(truncated.length);

  // The offset after everything is committed: nothing is tried again for ever.
  const letters = await lettersOf(stream, texts.length + 1);
  expect(letters.filter(({ error }) => error === 'unknown-model').map(({ key }) => key?.toString())).toStrictEqual([
    'stranger',
  ]);
  for (const [i] of texts.entries()) {
    const letter = letters.find(({ key }) => key?.toString() === `bad-${i}`);
    expect(letter?.value).toStrictEqual(garbage[i % garbage.length] ?? null);
    expect(letter?.headers['at']?.toString()).toBe(`${i}`);
  }
  expect(await inference.kill('SIGTERM')).toBe(0);
});

/** Dead letters of the texts, as soon as there are so many. */
async function lettersOf({ deadLetters }: Awaited<ReturnType<typeof openTestStream>>['stream'], count: number) {
  const enough = Promise.withResolvers<void>();
  let seen = 0;
  const following = await deadLetters.follow('texts', async () => {
    if (++seen === count) enough.resolve();
  });
  await enough.promise;
  await following.close();
  return await deadLetters.list('texts');
}
