import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RestStack, startRestStack } from './rest-stack.ts';

const binary = fileURLToPath(new URL('../../infra/bin/tidemill.js', import.meta.url));

let stack: RestStack;
let directory: string;
beforeAll(async () => {
  stack = await startRestStack();
  directory = await mkdtemp(join(tmpdir(), 'tidemill-cli-'));
});
afterAll(async () => {
  await stack[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
  milliseconds: number;
}

/** The real binary, without whatever the environment of the tests configures. */
async function tidemill(
  args: readonly string[],
  { stdin = '', env = {} }: { stdin?: string; env?: Record<string, string> } = {},
): Promise<Ran> {
  const started = performance.now();
  const inherited = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('TIDEMILL__') && name !== 'NODE_OPTIONS',
  );
  const child = spawn(process.execPath, [binary, ...args], {
    cwd: directory,
    env: { ...Object.fromEntries(inherited), ...env },
  });
  child.stdin.end(stdin);
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
  return { code, stdout, stderr, milliseconds: performance.now() - started };
}

const atGateway = (...args: string[]) => tidemill([...args, '--url', stack.url]);

async function file(name: string, content: string): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, content);
  return path;
}

async function recorded(topic: 'texts' | 'labels') {
  const values: Record<string, unknown>[] = [];
  await stack.stream.readToEnd(topic, ({ value }) => {
    if (value !== null) values.push({ ...value });
  });
  return values;
}

describe('help', () => {
  it('begins with examples', async () => {
    const { code, stdout } = await tidemill(['--help']);
    expect(code).toBe(0);
    expect(stdout).toContain('tidemill produce texts.jsonl --model news');
  });

  it.each([
    'up',
    'produce',
    'label',
    'predict',
    'train',
    'drift',
    'performance',
    'decisions',
    'swaps',
    'audit',
    'sql',
    'status',
    'doctor',
    'models show',
    'models create',
    'models promote',
    'models rollback',
    'models archive',
    'models shadow',
    'models canary',
    'models import',
    'models export',
    'models diff',
    'runs list',
    'runs compare',
    'dlq list',
    'dlq show',
    'dlq replay',
    'dlq drop',
    'topics check',
    'topics apply',
    'config print',
    'config check',
  ])('%s has examples', async (command) => {
    const { code, stdout } = await tidemill([...command.split(' '), '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain(`Examples:\n  $ `);
  });
});

describe('used wrongly', () => {
  it.each([
    [['bogus']],
    [['produce']],
    [['predict', 'a']],
    [['models', 'promote', 'news']],
    [['models', 'bogus', 'news@1']],
    [['drift', 'news', '--limit', 'x']],
    [['drift', 'news', '--from', 'yesterday']],
    [['models', 'show', 'News!']],
    [['produce', '/nowhere.jsonl', '--model', 'm']],
    [['produce', '-', '--model', 'm', '--rate', 'fast']],
    [['produce', '-', '--model', 'm', '--format', 'xml']],
    [['dlq', 'drop', 'texts']],
    [['up', '--stream', 'bogus']],
    [['up', '--speed', '0']],
    [['up', '--port', '1.5']],
    [['produce', '.', '--model', 'm']],
    [['sql', ' ']],
    [['topics', 'check']],
    [['status', '--url', 'not a url']],
  ])('%j is exit 2 and one line', async (args) => {
    const { code, stdout, stderr } = await tidemill(args);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).not.toContain('    at ');
    expect(stderr).toMatch(/^tidemill: /);
  });

  it('a wrong word is the wrong word, also after a group of commands', async () => {
    expect((await tidemill(['models', 'promot', 'news@1'])).stderr).toMatch(/^tidemill: unknown command 'promot'\n/);
  });
});

describe('the version', () => {
  it('is that of the package, and an option of predict', async () => {
    expect((await tidemill(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    const { stderr } = await tidemill([
      'predict',
      'a',
      '--model',
      'm',
      '--version',
      'x',
      '--url',
      'http://127.0.0.1:1',
    ]);
    expect(stderr).toContain('m@x');
  });
});

describe('failed', () => {
  it('says in one line that there is no gateway, and what to do', async () => {
    const { code, stderr } = await tidemill(['status', '--url', 'http://127.0.0.1:1']);
    expect(code).toBe(1);
    expect(stderr).toBe(
      'tidemill: no gateway answers at http://127.0.0.1:1; start one with `npm start`, or name it with --url\n',
    );
  });

  it('does not wait for a gateway that takes calls and never answers', async () => {
    const mute = createServer(() => undefined);
    mute.listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const address = mute.address();
    const url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
    try {
      const { code, stdout } = await tidemill(['doctor', '--json', '--url', url]);
      expect(code).toBe(1);
      expect(stdout).toContain('has not answered within 5 s');
    } finally {
      mute.closeAllConnections();
      mute.close();
    }
  });

  it('prints the stack only with --verbose', async () => {
    const { stderr } = await tidemill(['status', '--url', 'http://127.0.0.1:1', '--verbose']);
    expect(stderr).toContain('    at ');
  });
});

describe('produce and label', () => {
  it('sends the good lines, names the bad ones, and is exit 1 when there were any', async () => {
    const lines = [
      '{"id":"c1","text":"a","occurredAt":"2026-01-01T00:00:00Z"}',
      'nonsense',
      '{"id":"c2"}',
      '{"id":"c3","text":"ü"}',
    ];
    const path = await file('texts.jsonl', lines.join('\n'));
    const ran = await atGateway('produce', path, '--model', 'm', '--json');
    expect(ran).toMatchObject({ code: 1 });
    expect(JSON.parse(ran.stdout)).toEqual({ sent: 2, skipped: 2 });
    expect(ran.stderr).toMatch(/^line 2: not JSON.*\nline 3: text: is missing\n$/);
    const texts = await recorded('texts');
    expect(texts).toContainEqual({
      id: 'c1',
      model: 'm',
      text: 'a',
      occurredAt: Date.UTC(2026, 0, 1),
      source: 'cli',
      attributes: {},
    });
    expect(texts.map(({ id }) => id)).toEqual(expect.arrayContaining(['c1', 'c3']));
  });

  it('reads stdin, and CSV', async () => {
    const ran = await tidemill(['produce', '-', '--format', 'csv', '--model', 'm', '--url', stack.url], {
      stdin: 'id,text,attributes\ncsv-1,"a, b","{""group"":""g""}"\n',
    });
    expect(ran).toMatchObject({ code: 0, stdout: '1 texts sent, 0 lines skipped\n' });
    const texts = await recorded('texts');
    expect(texts.find(({ id }) => id === 'csv-1')).toMatchObject({ text: 'a, b', attributes: { group: 'g' } });
  });

  it('leaves out what the gateway refuses and sends the rest', async () => {
    const path = await file(
      'refused.jsonl',
      '{"id":"r1","text":"a"}\n{"id":"r\\u00012","text":"a"}\n{"id":"r3","text":"a"}\n',
    );
    const ran = await atGateway('produce', path, '--model', 'm');
    expect(ran).toMatchObject({ code: 1, stdout: '2 texts sent, 1 lines skipped\n' });
    expect(ran.stderr).toMatch(/^line 2: id: /);
  });

  it('keeps to the rate', async () => {
    const lines = Array.from({ length: 20 }, (_, i) => `{"id":"rate-${i}","text":"a"}`).join('\n');
    const { code, milliseconds } = await atGateway(
      'produce',
      await file('rate.jsonl', lines),
      '--model',
      'm',
      '--rate',
      '20',
    );
    expect(code).toBe(0);
    expect(milliseconds).toBeGreaterThan(900);
  });

  it('writes to Kafka directly', async () => {
    const { kafka, schemaRegistry } = stack.config;
    const args = ['label', '-', '--model', 'm', '--brokers', kafka.brokers, '--registry', schemaRegistry.url];
    const ran = await tidemill(args, {
      stdin: '{"textId":"c1","label":"spam","labelledAt":"2026-01-02T00:00:00Z"}\n{"textId":"c2"}\n',
      env: { TIDEMILL__KAFKA__TOPICPREFIX: kafka.topicPrefix },
    });
    expect(ran).toMatchObject({
      code: 1,
      stdout: '1 labels sent, 1 lines skipped\n',
      stderr: 'line 2: label: is missing\n',
    });
    expect(await recorded('labels')).toMatchObject([{ textId: 'c1', label: 'spam', labelledAt: Date.UTC(2026, 0, 2) }]);
  });
});

describe('facts', () => {
  it('status says what is not there and is exit 1', async () => {
    const { code, stdout } = await atGateway('status', '--json');
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ ready: false, lags: { inference: { texts: expect.any(Number) } } });
    expect((await atGateway('status')).stdout).toContain('not ready');
  });

  it.each(['drift', 'performance', 'decisions', 'swaps'])('%s of nothing is nothing', async (command) => {
    const { code, stdout } = await atGateway(command, 'm', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ items: [], nextCursor: null });
  });

  it('finds gateway and token in the data directory', async () => {
    await writeFile(
      join(stack.config.dataDirectory, 'gateway.json'),
      JSON.stringify({ url: stack.url, pid: process.pid }),
    );
    await writeFile(join(stack.config.dataDirectory, 'token'), 'sesame');
    const ran = await tidemill(['sql', 'SELECT 1 AS one', '--json', '--data-dir', stack.config.dataDirectory]);
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(ran.stdout)).toEqual([{ one: 1 }]);
    const refused = await tidemill(['sql', 'DROP TABLE texts', '--data-dir', stack.config.dataDirectory]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toBe('tidemill: the query is refused: only SELECT is allowed\n');
    const stranger = await atGateway('sql', 'SELECT 1');
    expect(stranger.code).toBe(1);
    expect(stranger.stderr).toContain('--data-dir');
  });

  it('dlq lists and drops', async () => {
    const producer = stack.stream.producer();
    const headers = {
      'dlq-topic': 'texts',
      'dlq-partition': '0',
      'dlq-offset': '7',
      'dlq-error': 'DECODE',
      'dlq-reason': 'no',
    };
    await producer.sendRaw('texts-dlq', [{ key: 'k', value: Buffer.from('\u001B[31mred'), headers }]);
    await producer.close();
    expect((await atGateway('dlq')).stdout).toMatch(/texts +1\n/);
    const shown = await atGateway('dlq', 'show', 'texts', '0');
    expect(shown.stdout).toContain('partition 0 offset 7');
    expect(shown.stdout).not.toContain('\u001B');
    expect((await atGateway('dlq', 'drop', 'texts', '0')).stdout).toBe('1 dropped\n');
    expect((await atGateway('dlq', 'drop', 'texts', '0')).code).toBe(1);
    expect((await atGateway('dlq', 'list', 'nope')).stderr.match(/labels, texts/g)).toHaveLength(1);
  });

  it('topics are as declared', async () => {
    const { kafka, schemaRegistry } = stack.config;
    const args = ['topics', 'check', '--json', '--brokers', kafka.brokers, '--registry', schemaRegistry.url];
    const ran = await tidemill(args, { env: { TIDEMILL__KAFKA__TOPICPREFIX: kafka.topicPrefix } });
    expect(ran.code).toBe(0);
    const missing = await tidemill(args, { env: { TIDEMILL__KAFKA__TOPICPREFIX: 'nobody-' } });
    expect(missing.code).toBe(1);
    expect(JSON.parse(missing.stdout)).toEqual(expect.arrayContaining([expect.objectContaining({ state: 'missing' })]));
  });

  it('config says where each value came from, and hides secrets', async () => {
    const path = await file('tidemill.yaml', 'http:\n  port: 9000\n  token: sesame\n');
    const ran = await tidemill(['config', 'print', '--json', '--config', path], {
      env: { TIDEMILL__LOG__LEVEL: 'warn' },
    });
    expect(JSON.parse(ran.stdout)).toEqual(
      expect.arrayContaining([
        { key: 'http.port', value: 9000, origin: 'file' },
        { key: 'http.token', value: '********', origin: 'file' },
        { key: 'log.level', value: 'warn', origin: 'environment' },
        { key: 'http.host', value: '127.0.0.1', origin: 'default' },
      ]),
    );
    const wrong = await file('wrong.yaml', 'http:\n  prot: 9000\n');
    const checked = await tidemill(['config', 'check', '--config', wrong]);
    expect(checked.code).toBe(1);
    expect(checked.stderr).toContain('did you mean http.port?');
  });

  it('doctor says how the machine is', async () => {
    const { code, stdout } = await tidemill(['doctor', '--json']);
    const findings = JSON.parse(stdout) as { part: string; state: string }[];
    expect(findings.map(({ part }) => part)).toEqual(
      expect.arrayContaining(['node', 'java', 'disk', 'port gateway', 'cache']),
    );
    expect(code).toBe(findings.some(({ state }) => state === 'wrong') ? 1 : 0);
  });
});
