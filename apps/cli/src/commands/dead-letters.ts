import { CliError, usageError } from '../cli-error.ts';
import { GatewayClient } from '../gateway-client.ts';
import type { CommonOptions } from '../options.ts';
import { note, printJson, printLine, printTable } from '../output.ts';

interface DeadLetter {
  id: number;
  topic: string;
  partition: number;
  offset: number;
  key: string | null;
  text: string;
  error: string;
  reason: string;
  stage: string;
  attempts: number;
  failedAt: string | null;
}

interface List {
  items: DeadLetter[];
  nextCursor: string | null;
}

export interface DeadLetterOptions extends CommonOptions {
  limit?: string;
  all?: boolean;
}

/** Without a topic: how many wait in each. */
export async function listDeadLetters(topic: string | undefined, options: DeadLetterOptions): Promise<void> {
  const client = await GatewayClient.open(options);
  if (topic === undefined) {
    const answer = await client.json<{ topics: { topic: string; waiting: number }[] }>('/v1/dead-letters');
    if (options.json === true) return printJson(answer);
    return printTable(
      ['topic', 'waiting'],
      answer.topics.map(({ topic, waiting }) => [topic, waiting]),
    );
  }
  const answer = await fetchList(client, topic, options);
  if (options.json === true) return printJson(answer);
  printTable(
    ['id', 'partition', 'offset', 'key', 'error', 'stage', 'failed', 'reason'],
    answer.items.map(({ id, partition, offset, key, error, stage, failedAt, reason }) => [
      id,
      partition,
      offset,
      key,
      error,
      stage,
      failedAt,
      reason,
    ]),
  );
}

export async function showDeadLetters(
  topic: string,
  ids: readonly string[],
  options: DeadLetterOptions,
): Promise<void> {
  const wanted = new Set(numbers(ids));
  const client = await GatewayClient.open(options);
  const found = (await fetchList(client, topic, { ...options, limit: '500' })).items.filter(
    ({ id }) => wanted.size === 0 || wanted.has(id),
  );
  const missing = [...wanted].filter((wantedId) => !found.some(({ id }) => id === wantedId));
  if (missing.length > 0) throw new CliError(`no dead letter ${missing.join(', ')} waits in topic ${topic}`);
  if (options.json === true) return printJson(found);
  if (found.length === 0) note('nothing to show');
  for (const letter of found) {
    printLine(
      `${letter.id}  ${letter.topic} partition ${letter.partition} offset ${letter.offset}  key ${JSON.stringify(letter.key)}`,
    );
    printLine(`  ${letter.error} in ${letter.stage}, attempt ${letter.attempts}: ${letter.reason}`);
    printLine(`  ${JSON.stringify(letter.text)}`);
  }
}

export async function resolveDeadLetters(
  verb: 'replay' | 'drop',
  topic: string,
  ids: readonly string[],
  options: DeadLetterOptions,
): Promise<void> {
  if (options.all === true ? ids.length > 0 : ids.length === 0) throw usageError('name ids, or --all');
  const client = await GatewayClient.open(options);
  const selection = options.all === true ? { all: true } : { ids: numbers(ids) };
  const path = `/v1/dead-letters/${encodeURIComponent(topic)}/${verb}`;
  const answer = await client.post<{ topic: string; changed: number }>(path, selection);
  if (options.json === true) return printJson(answer);
  printLine(`${answer.changed} ${verb === 'replay' ? 'sent again' : 'dropped'}`);
}

function fetchList(client: GatewayClient, topic: string, { limit = '50' }: DeadLetterOptions): Promise<List> {
  return client.json<List>(`/v1/dead-letters/${encodeURIComponent(topic)}?limit=${encodeURIComponent(limit)}`);
}

function numbers(ids: readonly string[]): number[] {
  return ids.map((id) => {
    if (!/^\d{1,15}$/.test(id))
      throw usageError(`${id} is not the id of a dead letter; see \`tidemill dlq list TOPIC\``);
    return Number(id);
  });
}
