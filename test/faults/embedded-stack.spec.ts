import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { startEmbeddedStack } from '#libs/embedded';
import type { Text } from '#libs/events';
import { loadConfig, silentLogger } from '#libs/platform';
import { endStackProcess, processesOf, runStackProcess, startStackProcess } from '../support/stack-process.ts';
import type { StackProcess } from '../support/stack-process.ts';
import { openTestStream } from '../support/stream.ts';

const text = (id: string): Text => ({ id, model: 'm', text: id, occurredAt: 1, source: '', attributes: {} });
const ids = Array.from({ length: 200 }, (_, i) => `t${i}`);

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tidemill-embedded-'));
});
afterEach(async () => {
  for (const { pid } of await processesOf(directory)) process.kill(pid, 'SIGKILL');
  await vi.waitUntil(async () => (await processesOf(directory)).length === 0, 10_000);
  await rm(directory, { recursive: true });
});

/** Acknowledged texts and the schema they are written with. */
async function writeTexts({ brokers, registryUrl }: StackProcess): Promise<void> {
  await using test = await openTestStream({ brokers, registryUrl, topicPrefix: 'kept-', create: ['texts'] });
  const producer = test.stream.producer();
  await producer.send(
    'texts',
    ids.map((id) => ({ key: id, value: text(id) })),
  );
  await producer.close();
}

async function readTexts({ brokers, registryUrl }: StackProcess): Promise<string[]> {
  await using test = await openTestStream({ brokers, registryUrl, topicPrefix: 'kept-', create: ['texts'] });
  const found: string[] = [];
  await test.stream.readToEnd('texts', ({ value }) => {
    if (value !== null) found.push(value.id);
  });
  return found.sort();
}

const untilNoProcess = () =>
  expect
    .poll(() => processesOf(directory).then((all) => all.map(({ command }) => command)), {
      timeout: 20_000,
      interval: 200,
    })
    .toEqual([]);

describe('the embedded stack', () => {
  it('whose parent is killed ends within seconds; the next start has everything where it was, and ends in order', async () => {
    const first = await startStackProcess(directory);
    await writeTexts(first);
    expect(await endStackProcess(first, 'SIGKILL')).toBe('SIGKILL');
    await untilNoProcess();
    const second = await startStackProcess(directory);
    expect(second).toMatchObject({ brokers: first.brokers, registryUrl: first.registryUrl });
    expect(await readTexts(second)).toEqual(ids.toSorted());
    expect(await endStackProcess(second, 'SIGTERM')).toBe(0);
    expect(await processesOf(directory)).toEqual([]);
    expect(await readdir(directory)).not.toContain('lock.json');
    expect(await readdir(join(directory, 'kafka', 'log'))).toContain('.kafka_cleanshutdown');
  }, 90_000);

  it('recovers when parent and guards are killed and the engines live on', async () => {
    const first = await startStackProcess(directory);
    await writeTexts(first);
    const { kafka, registry } = first.engines;
    // Together, so that no guard gets to do its work.
    for (const { pid } of await processesOf(directory))
      if (pid !== kafka && pid !== registry) process.kill(pid, 'SIGSTOP');
    for (const { pid } of await processesOf(directory))
      if (pid !== kafka && pid !== registry) process.kill(pid, 'SIGKILL');
    // A killed process is in the process table until it has been collected.
    await expect
      .poll(() => processesOf(directory).then((left) => new Set(left.map(({ pid }) => pid))), { timeout: 10_000 })
      .toEqual(new Set([kafka, registry]));
    const second = await startStackProcess(directory);
    const now = (await processesOf(directory)).map(({ pid }) => pid);
    expect(now).not.toContain(kafka);
    expect(now).not.toContain(registry);
    expect(await readTexts(second)).toEqual(ids.toSorted());
  }, 90_000);

  it('refuses a second start on its directory by pid; Ctrl-C does not reach it, so that its parent can stop it', async () => {
    const stack = await startStackProcess(directory);
    const second = await runStackProcess(directory);
    expect(second.code).toBe(1);
    expect(second.printed).toContain(`process ${stack.pid} has ${directory}`);
    await writeTexts(stack);
    const groups = (await processesOf(directory)).filter(({ group }) => group === stack.pid);
    expect(groups.map(({ pid }) => pid)).toEqual([stack.pid]);
    // To everything in the foreground, as a terminal does.
    const exited = once(stack.process, 'exit');
    process.kill(-stack.pid, 'SIGINT');
    expect(await exited).toEqual([0, null]);
    expect(await processesOf(directory)).toEqual([]);
  }, 60_000);

  it('tells when an engine dies, with its last lines, and still stops the other', async () => {
    const deaths: Error[] = [];
    const { config } = loadConfig({
      env: {},
      overrides: { dataDirectory: directory, 'kafka.embeddedPort': 0, 'schemaRegistry.embeddedPort': 0 },
    });
    const stack = await startEmbeddedStack({ config, logger: silentLogger, onFatal: (error) => deaths.push(error) });
    process.kill(Number(await readFile(join(directory, 'kafka', 'pid'), 'utf8')), 'SIGKILL');
    await expect.poll(() => deaths.length, { timeout: 10_000 }).toBe(1);
    expect(deaths[0]?.message).toMatch(/Kafka: it ended; .*kafka\.log ends with\n.*Kafka Server started/s);
    await stack.close();
    expect(await processesOf(directory)).toEqual([]);
  }, 60_000);
});

describe('an embedded registry', () => {
  /** Beside a Kafka that is configured, which therefore nobody starts. */
  const startAlone = (port: number) => {
    const overrides = { dataDirectory: directory, 'kafka.brokers': 'a:1, b:2', 'schemaRegistry.embeddedPort': port };
    const { config } = loadConfig({ env: {}, overrides });
    return startEmbeddedStack({ config, logger: silentLogger });
  };

  it('starts alone beside a Kafka of the user’s own, on the next port when its own is taken', async () => {
    const occupant = createServer().listen(0, '127.0.0.1');
    await once(occupant, 'listening');
    const address = occupant.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const stack = await startAlone(port);
    try {
      expect(stack.brokers).toEqual(['a:1', 'b:2']);
      expect(Number(new URL(stack.registryUrl).port)).toBeGreaterThan(port);
      expect((await processesOf(directory)).some(({ command }) => command.includes('kafka.Kafka'))).toBe(false);
    } finally {
      await stack.close();
      occupant.close();
    }
  }, 60_000);

  it('that is killed right after an answer has what it answered: records in Kafka name those ids', async () => {
    const first = await startAlone(0);
    const schema = JSON.stringify({ type: 'record', name: 'R', fields: [] });
    const response = await fetch(`${first.registryUrl}/subjects/kept/versions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ schema }),
    });
    const { id } = z.object({ id: z.number() }).parse(await response.json());
    process.kill(Number(await readFile(join(directory, 'registry', 'pid'), 'utf8')), 'SIGKILL');
    await first.close();
    const second = await startAlone(0);
    try {
      expect(await (await fetch(`${second.registryUrl}/schemas/ids/${id}`)).json()).toMatchObject({ schema });
    } finally {
      await second.close();
    }
  }, 60_000);
});
