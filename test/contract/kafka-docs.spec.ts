import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text as readText } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { openTestStream, testKafka } from '../support/stream.ts';

const root = join(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/kafka.md'), 'utf8');
const example = (name: string): unknown =>
  JSON.parse(readFileSync(join(root, 'schemas/examples/predictions/1', `${name}.json`), 'utf8'));

it('a client of a stranger, as docs/kafka.md has it, produces texts and reads predictions', async () => {
  const [, program = ''] = /```js\n([\s\S]+?)```/.exec(page) ?? [];
  await using own = await openTestStream({ create: ['texts', 'predictions'] });
  const { stream, topicPrefix } = own;
  const { brokers, registryUrl } = testKafka();
  const [prediction] = await stream.producer().send(
    'predictions',
    // As many as are compressed.
    Array.from({ length: 20 }, (_, i) => ({
      key: `p${i}`,
      value: { ...Object(example('ordinary')), textId: `p${i}` },
    })),
  );
  expect(prediction?.offset).toBeDefined();
  const here = program
    .replace("'127.0.0.1:9092'", brokers.map((broker) => `'${broker}'`).join(', '))
    .replace('http://127.0.0.1:8081/apis/ccompat/v7', registryUrl)
    .replaceAll(/topic: '/g, `topic: '${topicPrefix}`)
    .replace("groupId: '", `groupId: '${topicPrefix}`);
  const client = spawn(process.execPath, ['--input-type=module', '--eval', here], { cwd: root });
  try {
    const complaints = readText(client.stderr);
    // kafkajs's own log lines come between them.
    const predicted = new Map<string, string>();
    for await (const line of createInterface(client.stdout)) {
      const [textId] = /^p\d+(?= )/.exec(line) ?? [];
      if (textId !== undefined) predicted.set(textId, line);
      if (predicted.size === 20) break;
    }
    expect([...predicted.keys()], predicted.size === 0 ? await complaints : '').toHaveLength(20);
    expect(predicted.get('p7')).toMatch(/^p7 reviews@\d+ \w+ 0\.\d+$/);
  } finally {
    client.kill('SIGKILL');
    await once(client, 'close');
  }
  const texts: unknown[] = [];
  await stream.readToEnd('texts', ({ value }) => void texts.push(value));
  expect(texts).toMatchObject([{ id: 't2', model: 'news', text: 'Parliament votes tonight' }]);
}, 60_000);
