import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { ModelVersion, Prediction, Text } from '#libs/events';
import { type Bundle, classify, hostModel } from '#libs/model';
import { ArtifactStore } from '#libs/registry';
import { temporaryFolder, testText, writeTestBundle } from '../../libs/model/src/testing/test-bundle.ts';
import { type AppProcess, startApp } from '../support/app-process.ts';
import { openTestStream, type TestStream, testKafka } from '../support/stream.ts';

const swaps = 21;
const textsPerSwap = 1000;
const chunk = 50;
/** The process is killed while these epochs are being served. */
const killedAt = new Set([3, 7, 11, 15, 19]);
const model = 'ledger';

/** What came out, as it arrives. */
class Ledger {
  readonly predictions: Prediction[] = [];
  readonly answered = new Set<string>();
  readonly serving = new Set<number>();
  readonly answering = new Set<number>();
  #change = Promise.withResolvers<void>();

  note(prediction: Prediction): void {
    this.predictions.push(prediction);
    this.answered.add(prediction.textId);
    this.answering.add(prediction.epoch);
    this.#changed();
  }

  noteServing(epoch: number): void {
    this.serving.add(epoch);
    this.#changed();
  }

  async until(reached: () => boolean): Promise<void> {
    while (!reached()) await this.#change.promise;
  }

  #changed(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers();
  }
}

it('loses, doubles, reorders and mislabels nothing over 21 swaps and 5 kills', { timeout: 300_000 }, async () => {
  await using folder = await temporaryFolder();
  await using test = await openTestStream();
  const bundles = await makeBundles(folder.path);
  const ledger = new Ledger();
  const readers = await follow(test, ledger);
  let inference = start(test, folder.path);
  try {
    const producer = test.stream.producer();
    let kills = 0;
    for (let epoch = 1; epoch <= swaps; epoch++) {
      const value = versionEvent(epoch, bundles);
      await producer.send('model-versions', [{ key: model, value }]);
      for (let sent = 0; sent < textsPerSwap; sent += chunk) {
        const first = (epoch - 1) * textsPerSwap + sent;
        const texts = Array.from({ length: chunk }, (_, i) => textOf(first + i));
        await producer.send(
          'texts',
          texts.map((text) => ({ key: text.id, value: text })),
        );
        if (sent !== textsPerSwap / 2) continue;
        // In the middle of the work: some of what was sent has been answered, some of that not been committed.
        if (killedAt.has(epoch)) {
          await ledger.until(() => ledger.answered.size > first - textsPerSwap);
          expect(await inference.kill('SIGKILL')).toBe('SIGKILL');
          kills++;
          inference = start(test, folder.path);
        }
        await ledger.until(() => ledger.serving.has(epoch));
      }
      await ledger.until(() => ledger.answering.has(epoch));
    }
    await ledger.until(() => ledger.answered.size >= swaps * textsPerSwap);
    const report = await audit(ledger, bundles);
    expect({ kills, ...report }).toStrictEqual({
      kills: killedAt.size,
      texts: swaps * textsPerSwap,
      epochs: swaps,
      lost: 0,
      duplicates: 0,
      outOfOrder: 0,
      wrongVersion: 0,
    });
    // It also ends in order when it is asked to.
    expect(await inference.kill('SIGTERM')).toBe(0);
  } finally {
    await inference[Symbol.asyncDispose]();
    for (const reader of readers) await reader.close();
  }
});

async function makeBundles(folder: string): Promise<Bundle[]> {
  const store = new ArtifactStore(join(folder, 'artifacts'));
  const bundles: Bundle[] = [];
  for (const variant of [0, 1, 2]) {
    const bundle = await writeTestBundle(join(folder, `v${variant}`), { variant, model });
    await store.addBundle(bundle.directory, bundle.digest);
    bundles.push({ ...bundle, directory: store.bundleDirectory(bundle.digest) ?? '' });
  }
  return bundles;
}

function start({ topicPrefix }: TestStream, dataDirectory: string): AppProcess {
  const { brokers, registryUrl } = testKafka();
  return startApp('inference', {
    TIDEMILL__KAFKA__BROKERS: brokers.join(','),
    TIDEMILL__KAFKA__TOPICPREFIX: topicPrefix,
    // The least the broker allows: how long a killed member keeps its partitions.
    TIDEMILL__KAFKA__SESSIONTIMEOUT: '6s',
    TIDEMILL__SCHEMAREGISTRY__URL: registryUrl,
    TIDEMILL__DATADIRECTORY: dataDirectory,
    TIDEMILL__INFERENCE__PORT: '0',
    TIDEMILL__INFERENCE__INSTANCE: 'ledger',
  });
}

async function follow({ stream }: TestStream, ledger: Ledger) {
  const options = { follow: true };
  return [
    await stream.readToEnd('predictions', ({ value }) => void (value !== null && ledger.note(value)), options),
    await stream.readToEnd(
      'serving-status',
      ({ value }) => void (value?.state === 'serving' && ledger.noteServing(value.epoch)),
      options,
    ),
  ];
}

const bundleOf = (epoch: number, bundles: readonly Bundle[]) => bundles[epoch % bundles.length];

function versionEvent(epoch: number, bundles: readonly Bundle[]): ModelVersion {
  const bundleDigest = bundleOf(epoch, bundles)?.digest ?? '';
  const why = { action: 'promote', reason: '', promotedBy: 'test', at: epoch, signature: null };
  return { model, version: (epoch % bundles.length) + 1, epoch, bundleDigest, ...why };
}

function textOf(index: number): Text {
  const text = `${testText(index % 2 === 0 ? 'north' : 'south', index, index % 3)} ${index}`;
  return { id: `t${index}`, model, text, occurredAt: index, source: 'test', attributes: {} };
}

/** Compares everything that came out with what should have. */
async function audit({ predictions, answered }: Ledger, bundles: readonly Bundle[]) {
  const sent = Array.from({ length: swaps * textsPerSwap }, (_, index) => textOf(index));
  const own = new Map<string, Map<string, number[]>>();
  for (const bundle of bundles) {
    const answers = await classify(
      hostModel(bundle),
      sent.map(({ text }) => text),
      { executionProviders: ['cpu'], threads: 1 },
    );
    own.set(bundle.digest, new Map(answers.map(({ probabilities }, i) => [`t${i}`, probabilities])));
  }
  let wrongVersion = 0;
  for (const { textId, epoch, version, bundleDigest, probabilities } of predictions) {
    const named = bundleOf(epoch, bundles)?.digest === bundleDigest && version === (epoch % bundles.length) + 1;
    const expected = own.get(bundleDigest)?.get(textId) ?? [];
    const same = ['north', 'south'].every((label, i) => Object.is(probabilities[label], expected[i]));
    if (!named || !same) wrongVersion++;
  }
  const results = Map.groupBy(predictions, ({ textId, epoch }) => `${textId}@${epoch}`);
  let duplicates = 0;
  for (const [first, ...again] of results.values()) {
    // Written twice because of a crash before the commit: the same result, or it is a second one.
    if (again.some((other) => JSON.stringify(effect(other)) !== JSON.stringify(first && effect(first)))) duplicates++;
  }
  const firsts = [...Map.groupBy(predictions, ({ textId }) => textId).values()].flatMap(([first]) => first ?? []);
  let outOfOrder = 0;
  for (const partition of Map.groupBy(firsts, ({ inputPartition }) => inputPartition).values()) {
    for (const [i, { inputOffset, epoch }] of partition.entries()) {
      const before = partition[i - 1];
      if (before !== undefined && (before.inputOffset > inputOffset || before.epoch > epoch)) outOfOrder++;
    }
  }
  return {
    texts: answered.size,
    epochs: new Set(predictions.map(({ epoch }) => epoch)).size,
    lost: sent.filter(({ id }) => !answered.has(id)).length,
    duplicates,
    outOfOrder,
    wrongVersion,
  };
}

/** What a prediction says, without when it was made. */
function effect({ inferredAt: _at, queueMilliseconds: _queue, inferenceMilliseconds: _time, ...said }: Prediction) {
  return said;
}
