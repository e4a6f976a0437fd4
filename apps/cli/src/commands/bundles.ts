import { createHash } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { basename, dirname, join, normalize, relative, sep } from 'node:path';
import { Readable } from 'node:stream';
import { CliError, usageError } from '../cli-error.ts';
import { GatewayClient } from '../gateway-client.ts';
import { parseModelName, parseVersionName } from '../names.ts';
import type { CommonOptions } from '../options.ts';
import { printJson, printLine } from '../output.ts';
import type { Version } from './models.ts';
import { packTar } from './pack-tar.ts';

/** `tidemill models export M@N DIR`: the bundle as files, each checked against the manifest. */
export async function exportBundle(name: string, directory: string, options: CommonOptions): Promise<void> {
  const { model, version } = parseVersionName(name);
  const client = await GatewayClient.open(options);
  const { digest } = await client.json<Version>(`/v1/models/${model}/versions/${version}`);
  const fetchFile = async (file: string) =>
    new Uint8Array(await (await client.raw(`/v1/bundles/${digest}/${encodeURIComponent(file)}`)).arrayBuffer());
  const manifestBytes = await fetchFile('manifest.json');
  const manifest = JSON.parse(new TextDecoder().decode(manifestBytes)) as { files: Record<string, string> };
  await mkdir(directory, { recursive: true });
  if ((await readdir(directory)).length > 0) throw new CliError(`${directory} is not empty; name a new folder`);
  for (const [file, expected] of Object.entries(manifest.files)) {
    const bytes = await fetchFile(file);
    const actual = createHash('sha256').update(bytes).digest('hex');
    if (actual !== expected) throw new CliError(`${file} arrived with digest ${actual}, the manifest says ${expected}`);
    const target = join(directory, insideOf(file));
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, bytes);
  }
  await writeFile(join(directory, 'manifest.json'), manifestBytes);
  const files = ['manifest.json', ...Object.keys(manifest.files)].toSorted();
  if (options.json === true) return printJson({ model, version, digest, directory, files });
  printLine(`${name} (${digest.slice(0, 12)}) is in ${directory}: ${files.join(', ')}`);
}

/** A name from elsewhere never leaves the folder. */
function insideOf(file: string): string {
  const path = normalize(file);
  if (path.startsWith('..') || path.startsWith(sep))
    throw new CliError(`the bundle names a file outside itself: ${file}`);
  return path;
}

/** What an Optimum export is known by; whatever else lies in its folder stays there. */
const exportFile = /^(onnx\/)?[^/.][^/]*\.(onnx|onnx_data)$|^[^/.][^/]*\.json$|^README\.md$/;

/** `tidemill models import DIR --model M`: registers a bundle made elsewhere, or an Optimum export. */
export async function importBundle(
  directory: string,
  options: CommonOptions & { model: string; reason?: string },
): Promise<void> {
  const { model } = parseModelName(options.model);
  const names = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => {
    throw usageError(`${directory} is not a folder that can be read`);
  });
  const all = names
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .toSorted();
  const files = all.includes('manifest.json') ? all : all.filter((file) => exportFile.test(file));
  if (files.every((file) => !file.endsWith('.onnx')))
    throw usageError(`${basename(directory)} holds no .onnx file; export the model as ONNX first`);
  const client = await GatewayClient.open(options);
  const said = new URLSearchParams({ by: userInfo().username, reason: options.reason ?? '' });
  const answer = await client.json<{ version?: number }>(`/v1/models/${model}/import?${said.toString()}`, {
    method: 'POST',
    stream: {
      type: 'application/x-tar',
      body: Readable.toWeb(Readable.from(packTar(directory, files), { objectMode: false })) as ReadableStream,
    },
  });
  if (options.json === true) return printJson(answer);
  printLine(
    `imported as ${model}@${answer.version ?? '?'}; serve it with \`tidemill models promote ${model}@${answer.version ?? 'N'}\``,
  );
}
