import { type Bundle, hostModel, ModelHost, type HostOptions } from '#libs/model';
import { TidemillError } from '#libs/platform';

/** Each golden text is answered this often: the slowest answer counts. */
const rounds = 3;

export interface TriedHost {
  /** The host gave the recorded probabilities for every golden text. */
  reproduced: boolean;
  /** The longest that one text took, among them one as long as the model takes. */
  slowestMilliseconds: number;
}

/**
 * Opens a version as inference would and answers its golden texts one by one.
 * @throws the signal's reason, or what kept a host from being started
 */
export async function tryHost(bundle: Bundle, options: HostOptions): Promise<TriedHost> {
  try {
    await using host = await ModelHost.open(hostModel(bundle), options);
    let slowestMilliseconds = 0;
    for (let round = 0; round < rounds; round++) {
      for (const { text } of bundle.manifest.goldenTexts) {
        const started = performance.now();
        await host.classify([text]);
        slowestMilliseconds = Math.max(slowestMilliseconds, performance.now() - started);
      }
    }
    return { reproduced: true, slowestMilliseconds };
  } catch (error) {
    if (error instanceof TidemillError && error.code === 'MODEL_REFUSED')
      return { reproduced: false, slowestMilliseconds: 0 };
    throw error;
  }
}
