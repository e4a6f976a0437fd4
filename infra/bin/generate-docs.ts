/**
 * Writes docs/errors.md and docs/metrics.md from the tables in the code. `--check` writes nothing and fails when a page is
 * not what the code says.
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { errorCatalogue, metricDefinitions } from '#libs/platform';
import type { RejectCode } from '#libs/stream';

const root = join(import.meta.dirname, '../..');

/** Folders in the order in which they import each other, so that a code belongs to the first that brings it. */
const folders = ['libs/platform', 'libs/{embedded,stream,clickhouse,model}', 'libs/registry', 'apps/*'];

interface Declared {
  folder: string;
  rows: string[];
}

/** Loads every module that declares errors and says which codes came with it. */
async function declaredErrors(): Promise<Declared[]> {
  const modules = folders.flatMap((folder) =>
    globSync(`${folder}/src/**/*.ts`, { cwd: root, exclude: (path) => /\/testing$|\.spec\.ts$/.test(path) })
      .map((path) => path.replaceAll('\\', '/'))
      .filter((path) => readFileSync(join(root, path), 'utf8').includes('= defineErrors('))
      .toSorted(),
  );
  const declared: Declared[] = [];
  let before = new Map<string, unknown>();
  for (const path of modules) {
    await import(pathToFileURL(join(root, path)).href);
    const catalogue = errorCatalogue();
    for (const [code, definition] of before) {
      if (catalogue.get(code) !== definition) throw new Error(`${path} declares ${code} a second time`);
    }
    const codes = [...catalogue].filter(([code]) => !before.has(code) || path.startsWith('libs/platform/'));
    const rows = codes
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([code, { message, retriable }]) => `| \`${code}\` | ${cell(message)} | ${retriable ? 'yes' : 'no'} |`);
    declared.push({ folder: path.split('/').slice(0, 2).join('/'), rows });
    before = new Map(catalogue);
  }
  return declared;
}

/** What each code of a rejected record means; the type asks for all of them. */
const rejectMeanings: Record<RejectCode, string> = {
  'empty-value': 'it has no value',
  'unknown-magic': 'the first byte is neither that of the Confluent wire format (0) nor that of accepted JSON (`{`)',
  truncated: 'it ends before its schema id or in the middle of the record',
  'unknown-schema-id': 'the schema registry does not know its schema id',
  'schema-mismatch': 'its schema, or its bytes, cannot be read as the record of the topic',
  'invalid-json': 'it is JSON by its first byte, but no JSON object',
  'invalid-record': 'a field is missing, of another type, too long, or not a time',
  'model-failed': 'The model has no answer for the text, or its host process ended over it.',
  'unknown-model': 'no version of its model has been promoted',
  'handler-failed': 'the service failed on it three times; the reason says how',
};

const cell = (text: string) => text.replaceAll('|', '\\|');

/** The rows of each folder under its heading; several modules of a folder share one. */
function errorsPage(declared: readonly Declared[]): string {
  const sections = [...Map.groupBy(declared, ({ folder }) => folder)].map(([folder, parts]) => {
    const rows = parts.flatMap((part) => part.rows);
    return `## ${folder}\n\n| code | message | again |\n|---|---|---|\n${rows.join('\n')}\n`;
  });
  const rejects = Object.entries(rejectMeanings).map(([code, meaning]) => `| \`${code}\` | ${meaning} |`);
  return `# Errors

Every error that Tidemill makes itself has a code. The message is followed by the particulars (\`message: detail\`), and the error
carries its cause. *Again*: whether trying the same thing again may work. A consumer that meets one of those waits and tries again; a
record on which its handler fails otherwise, three times, becomes a dead letter. What HTTP answers: [rest.md](rest.md).

Generated from the code by \`npm run generate\`; do not edit.

${sections.join('\n')}
## Dead letters

Records that cannot be used raise no error: they are written to \`<topic>-dlq\` unchanged, with one of these codes in the header \`dlq-error\` and
a sentence in \`dlq-reason\`.

| code | what is wrong with the record |
|---|---|
${rejects.join('\n')}
`;
}

function metricsPage(): string {
  const rows = Object.entries(metricDefinitions).map(
    ([name, { kind, help, labels }]) =>
      `| \`${name}\` | ${kind} | ${labels.length === 0 ? '' : labels.map((label) => `\`${label}\``).join(', ')} | ${cell(help)} |`,
  );
  return `# Metrics

Each service shows its own at \`GET /metrics\` of its own port, in the Prometheus text format, and after \`npm start\` too.
Units are base units (\`_seconds\`, \`_bytes\`), counters end in \`_total\`. Labels are bounded: model, version, topic, instance.
The figures of Node itself (processor time, memory, event loop, garbage collection) are \`tidemill_process_…\` and \`tidemill_nodejs_…\`; when
all services are in one process, the gateway shows them.
\`infra/prometheus/alerts.yml\` and \`infra/grafana/dashboards/tidemill.json\` use these names, and a test checks them.

Generated from the code by \`npm run generate\`; do not edit.

| metric | kind | labels | what |
|---|---|---|---|
${rows.join('\n')}
`;
}

const pages = { 'docs/errors.md': errorsPage(await declaredErrors()), 'docs/metrics.md': metricsPage() };
for (const [path, text] of Object.entries(pages)) {
  if (!process.argv.includes('--check')) writeFileSync(join(root, path), text);
  else if (readFileSync(join(root, path), 'utf8') !== text) {
    console.error(`${path} is not what the code says: run \`npm run generate\``);
    process.exitCode = 1;
  }
}
