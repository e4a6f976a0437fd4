/**
 * Kafka in, Kafka out: CPU time a text of inference with the built-in model, beside Nest's own Kafka transport calling
 * the same model, in turns on the same broker. `npm run bench inference`
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { temporaryFolder } from '../../libs/model/src/testing/test-bundle.ts';
import { openTestStream, type TestStream, testKafka } from '../support/stream.ts';
import { cpuOf, median } from './cpu.ts';
import { model, realTexts, startInference, storeModel, versionEvent } from './served-model.ts';

const rounds = 3;
const counts = { tidemill: 40_000, nest: 4000 };
const perSend = 1000;

await using folder = await temporaryFolder();
const bundle = await storeModel(folder.path);
const texts = realTexts();
const results: Record<string, { consumer: number; all: number }[]> = { tidemill: [], nest: [] };

for (let round = 1; round <= rounds; round++) {
  results['tidemill']?.push(await tidemill());
  results['nest']?.push(await nest());
}
const perText = (name: string, part: 'consumer' | 'all') => results[name]?.map((result) => result[part]) ?? [];
for (const name of Object.keys(results)) {
  for (const part of ['consumer', 'all'] as const) {
    const values = perText(name, part);
    const spread = `${Math.min(...values).toFixed(1)}–${Math.max(...values).toFixed(1)}`;
    const what = part === 'consumer' ? 'consumer process' : 'with its model host';
    const rate = (1e6 / median(values)).toFixed(0);
    console.log(
      `${name}, ${what}: ${median(values).toFixed(1)} µs CPU a text (${spread}), ${rate} texts a second and core`,
    );
  }
}
const ratio = (part: 'consumer' | 'all') =>
  (median(perText('nest', part)) / median(perText('tidemill', part))).toFixed(1);
console.log(`ratio: ${ratio('consumer')} × (consumer process), ${ratio('all')} × (with its model host)`);

async function tidemill() {
  await using test = await openTestStream();
  await test.stream.producer().send('model-versions', [{ key: model, value: versionEvent(bundle, 1) }]);
  await using inference = startInference(test, folder.path);
  await inference.url;
  const producer = test.stream.producer();
  const send = async (from: number) => {
    const records = Array.from({ length: perSend }, (_, i) => textOf(from + i));
    await producer.send(
      'texts',
      records.map((value) => ({ key: value.id, value })),
    );
  };
  return await measure(test, inference.pid, { send, count: counts.tidemill });
}

async function nest() {
  await using test = await openTestStream();
  const arguments_ = [
    testKafka().brokers.join(','),
    test.topicPrefix,
    join(bundle.directory, 'model.onnx'),
    bundle.manifest.labels.join(','),
  ];
  const peer = fork(join(import.meta.dirname, 'peers', 'nest-kafka.ts'), arguments_, {
    execArgv: ['--conditions=tidemill-source'],
  });
  try {
    await once(peer, 'message');
    const producer = test.stream.producer();
    const send = async (from: number) => {
      const messages = Array.from({ length: perSend }, (_, i) => textOf(from + i)).map((value) => ({
        key: value.id,
        value: Buffer.from(JSON.stringify(value)),
      }));
      await producer.sendRaw('texts', messages);
    };
    return await measure(test, peer.pid ?? 0, { send, count: counts.nest });
  } finally {
    peer.kill('SIGKILL');
  }
}

/** CPU microseconds a text, after a warm-up of a fifth of the texts. */
async function measure(test: TestStream, pid: number, load: { send: (from: number) => Promise<void>; count: number }) {
  const warmUp = Math.ceil(load.count / 5 / perSend) * perSend;
  for (let from = 0; from < warmUp; from += perSend) await load.send(from);
  await answered(test, warmUp);
  const before = cpuOf(pid);
  for (let from = warmUp; from < warmUp + load.count; from += perSend) await load.send(from);
  await answered(test, warmUp + load.count);
  const after = cpuOf(pid);
  const consumer = (after.own - before.own) / load.count;
  return { consumer, all: consumer + (after.children - before.children) / load.count };
}

async function answered({ stream }: TestStream, count: number): Promise<void> {
  for (const deadline = performance.now() + 60_000; performance.now() < deadline;) {
    const ends = await stream.admin.endOffsets('predictions');
    if (ends.reduce((sum, { high }) => sum + Number(high), 0) >= count) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('the texts have not been answered within a minute');
}

function textOf(index: number) {
  const text = texts[index % texts.length] ?? '';
  return { id: `t${index}`, model, text, occurredAt: index, source: 'bench', attributes: {} };
}
