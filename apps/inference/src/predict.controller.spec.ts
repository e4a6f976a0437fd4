import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type RunningApp, startHttpApp } from '#libs/http';
import { type Bundle, type StartHost, startHost } from '#libs/model';
import { loadConfig } from '#libs/platform';
import { temporaryFolder, testText, writeTestBundle } from '../../../libs/model/src/testing/test-bundle.ts';
import { versionEvent } from '../../../libs/model/src/testing/version-event.ts';
import { type MemoryStream, openMemoryStream } from '../../../libs/stream/src/testing/memory-stream.ts';
import { InferenceModule } from './inference.module.ts';
import { ModelSlots } from './model-slots.ts';
import { ModelVersionConsumer } from './model-version.consumer.ts';
import { ServingStatusReporter } from './serving-status.reporter.ts';
import { VersionHosts } from './version-hosts.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let bundle: Bundle;
let memory: MemoryStream;
let slots: ModelSlots;
let versionEvents: ModelVersionConsumer;
let app: RunningApp;
/** Processes of the model. */
let hosts: number[];

beforeEach(async () => {
  folder = await temporaryFolder();
  bundle = await writeTestBundle(join(folder.path, 'v1'));
  memory = await openMemoryStream();
});
afterEach(async () => {
  await app.close();
  await versionEvents.close();
  await slots.close();
  await memory.stream.close();
  await folder[Symbol.asyncDispose]();
});

/** Inference over HTTP, with version 1 of model `test`, that answers within `requestTimeout` or not at all. */
async function start(requestTimeout: string): Promise<void> {
  const { stream, clock, logger, metrics, readiness } = memory;
  const { config } = loadConfig({ env: { TIDEMILL__INFERENCE__REQUEST_TIMEOUT: requestTimeout } });
  hosts = [];
  const start: StartHost = async (module) => {
    const host = await startHost(module);
    hosts.push(host.pid);
    return host;
  };
  const materialise = () => Promise.resolve(bundle.directory);
  slots = new ModelSlots({
    config: config.inference,
    materialise,
    onProgress: () => undefined,
    startHost: start,
    publishShadows: () => Promise.reject(new Error('there are no challengers')),
    logger,
    metrics,
    clock,
  });
  versionEvents = new ModelVersionConsumer({ stream, slots, logger, metrics, clock });
  const value = versionEvent({ model: 'test', version: 1, bundleDigest: bundle.digest });
  await stream.producer().send('model-versions', [{ key: 'test', value }]);
  await versionEvents.start();
  const status = new ServingStatusReporter({
    instance: 'one',
    publish: () => Promise.resolve(),
    clock,
    metrics,
    logger,
  });
  const versions = new VersionHosts(config, { materialise, start, budget: slots.budget });
  const module = InferenceModule.with({ config, readiness, slots, versions, versionEvents, status });
  app = await startHttpApp({ module, host: '127.0.0.1', port: 0, logger, metrics, readiness });
}

const texts = [testText('north', 1), testText('south', 2)];
const ask = (model: string, signal?: AbortSignal) =>
  fetch(`${app.url}/v1/models/${model}/predict`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ texts }),
    ...(signal === undefined ? {} : { signal }),
  });

/** Stops the model, so that what comes waits as long as the test likes. */
function held(): Disposable {
  for (const pid of hosts) process.kill(pid, 'SIGSTOP');
  return { [Symbol.dispose]: () => hosts.forEach((pid) => process.kill(pid, 'SIGCONT')) };
}

const queued = () => slots.get('test')?.batcher.queuedTexts;
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(5);
}

it('lets go of texts whose client went away', async () => {
  await start('1m');
  const gone = new AbortController();
  const answered: Promise<Response>[] = [];
  {
    using _held = held();
    // Two batches are with the host, what comes then waits.
    for (let i = 0; i < 3; i++) answered.push(ask('test'));
    await until(() => queued() === texts.length);
    const given = ask('test', gone.signal);
    await until(() => queued() === 2 * texts.length);
    gone.abort();
    await expect(given).rejects.toThrow('aborted');
    await until(() => queued() === texts.length);
  }
  expect((await Promise.all(answered)).map(({ status }) => status)).toEqual([200, 200, 200]);
});

it('answers 503 with Retry-After when the time is up, and lets go of the texts', async () => {
  await start('200ms');
  using _held = held();
  const answers = await Promise.all([ask('test'), ask('test'), ask('test')]);
  for (const answer of answers) {
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    expect(await answer.json()).toMatchObject({ detail: 'the prediction was not ready in time' });
  }
  expect(queued()).toBe(0);
});

it('does not say that there is no such model before it has read so', async () => {
  await start('200ms');
  expect((await ask('other')).status).toBe(404);
  // A broker that does not answer.
  memory.backend.admin.offsets = () => new Promise(() => undefined);
  const answer = await ask('other');
  expect(answer.status).toBe(503);
  expect(answer.headers.get('retry-after')).toBe('1');
});
