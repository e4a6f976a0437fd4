import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

export interface SupportedProvider {
  name: string;
  /** The library that ONNX Runtime opens for it, where that is not installed. */
  missing: string | undefined;
}

/** What this installation of ONNX Runtime can be asked for; whether a device is there shows on opening. */
export async function supportedProviders(): Promise<SupportedProvider[]> {
  const { default: ort } = await import('onnxruntime-node');
  const main = createRequire(import.meta.url).resolve('onnxruntime-node');
  const binaries = join(main, '..', '..', 'bin', 'napi-v6', process.platform, process.arch);
  return ort
    .listSupportedBackends()
    .map(({ name, bundled }) => ({ name, missing: bundled ? undefined : missingLibrary(name, binaries) }));
}

/** Providers that the package does not bring are libraries beside it, which its install script fetches for Linux. */
export function missingLibrary(provider: string, folder: string): string | undefined {
  const library = join(folder, `libonnxruntime_providers_${provider}.so`);
  return existsSync(library) ? undefined : library;
}

/**
 * What a session is opened with, in turn: all wanted providers together, of which the first that has an operator gets it;
 * then all but the first, and so on. Nothing comes after `cpu`, which has every operator. One that is not known would be
 * left out without a word, and the first of the others taken for it.
 */
export function providersInTurn(wanted: readonly string[], known: readonly string[]): string[][] {
  const end = wanted.indexOf('cpu') + 1;
  const usable = wanted.slice(0, end === 0 ? undefined : end).filter((provider) => known.includes(provider));
  return usable.map((_, first) => usable.slice(first));
}
