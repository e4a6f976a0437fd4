/** A process that has two hosts started and then stands still: it takes neither line. To be killed. */
import { siblingModule } from '#libs/platform';
import { HostLauncher } from '../host-launcher.ts';

const launcher = new HostLauncher();
const host = siblingModule({ ...import.meta, dirname: `${import.meta.dirname}/..` }, 'host');
for (let i = 0; i < 2; i++) launcher.start(host).catch(() => undefined);
setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
