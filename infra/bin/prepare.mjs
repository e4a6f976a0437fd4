// Makes a clone runnable: installs what is missing, builds what changed. Runs on any Node from 18 on, without dependencies,
// because it is what brings them. `--force` builds everything anew. The second time it only compares, in some 100 ms.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  statfsSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');
const at = (...path) => join(root, ...path);
const installedMark = at('node_modules', '.tidemill-lock');
const builtMark = at('dist', '.prepared.json');
const lockFile = at('dist', '.prepare.lock');
/** Milliseconds after which a lock that its owner no longer touches counts as left behind. */
const untouched = 15_000;
const force = process.argv.includes('--force');

/** Something the user can mend; printed without a stack. */
class Failure extends Error {}

const say = (text) => process.stderr.write(`${text}\n`);
const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`;
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

async function main() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < 18)
    throw new Failure(`Node ${process.versions.node} is too old to install Tidemill: use Node 18 or newer.`);
  if (!force && installed() && stale().length === 0) return;
  const unlock = await lock();
  try {
    if (!installed()) await install();
    const due = force ? ['code', 'dashboard'] : stale();
    if (due.includes('code')) await stage('compiling TypeScript', buildCode);
    if (due.includes('dashboard') && hasDashboard()) await stage('building the dashboard', buildDashboard);
  } finally {
    unlock();
  }
}

// ---------------------------------------------------------------- packages

function installed() {
  if (!existsSync(at('node_modules'))) return false;
  const wanted = sha256(readFileSync(at('package-lock.json')));
  if (existsSync(installedMark)) return readFileSync(installedMark, 'utf8').trim() === wanted;
  // Installed by `npm install` or `npm ci` by hand: believe npm's own record when it says the same as the lock file.
  if (!sameAsLocked() || !existsSync(nodeBinary())) return false;
  writeFileSync(installedMark, wanted);
  return true;
}

function sameAsLocked() {
  const record = at('node_modules', '.package-lock.json');
  if (!existsSync(record)) return false;
  const locked = JSON.parse(readFileSync(at('package-lock.json'), 'utf8')).packages ?? {};
  const present = JSON.parse(readFileSync(record, 'utf8')).packages ?? {};
  const wanted = Object.entries(locked).filter(
    ([path, { optional, devOptional }]) => path !== '' && !optional && !devOptional,
  );
  return (
    wanted.every(([path, { version }]) => present[path]?.version === version) &&
    Object.entries(present).every(([path, { version }]) => locked[path]?.version === version)
  );
}

async function install() {
  const started = performance.now();
  say('installing packages (the first time this downloads some 300 MB) …');
  const { npm_execpath: npm } = process.env;
  const command = npm?.endsWith('.js') ? [process.execPath, npm] : [process.platform === 'win32' ? 'npm.cmd' : 'npm'];
  // npm shows its own progress on a terminal; elsewhere a line now and then says that it is still at work.
  // The number of packages stands still while the large ones are unpacked; what the disk has less does not.
  const free = freeMegabytes();
  const beat = setInterval(() => {
    const written = Math.max(0, free - freeMegabytes());
    say(`  still installing: ${packagesThere()} packages, ${written} MB (${seconds(started)})`);
  }, 10_000);
  // Not `npm ci`: it refuses a lock file without the optional binaries of platforms that the registry at hand does not carry,
  // and it deletes node_modules, with the very Node that runs, before it begins. This takes the locked versions and digests too.
  const args = ['install', '--no-save', '--no-audit', '--no-fund'];
  const status = await run([...command, ...args], { inherit: true }).finally(() => clearInterval(beat));
  if (status !== 0) {
    throw new Failure(
      `npm ${args.join(' ')} failed (exit ${status}). Its message is above. Without a network: npm_config_registry and npm_config_cafile ` +
        'point npm to a mirror; a half-made node_modules can be deleted safely.',
    );
  }
  if (!existsSync(nodeBinary())) {
    throw new Failure(
      'the package "node", which brings Node 24, has not run its install script. Allow it: npm config set ignore-scripts false, then try again.',
    );
  }
  writeFileSync(installedMark, sha256(readFileSync(at('package-lock.json'))));
  say(`installed packages (${seconds(started)})`);
}

function packagesThere() {
  try {
    return readdirSync(at('node_modules')).reduce(
      (sum, name) =>
        sum + (name.startsWith('@') ? readdirSync(at('node_modules', name)).length : name.startsWith('.') ? 0 : 1),
      0,
    );
  } catch {
    return 0;
  }
}

function freeMegabytes() {
  const { bavail, bsize } = statfsSync(root);
  return Math.round((bavail * bsize) / 1e6);
}

/** Node 24 of the package `node`. */
function nodeBinary() {
  return at('node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
}

// ---------------------------------------------------------------- what is built from what

const notCode = (name) =>
  name.endsWith('.spec.ts') || name === 'testing' || name === 'node_modules' || name === 'dashboard';

/** Files below a folder, relative to the root, sorted; folders and files of which `skip` is true are left out. */
function* files(folder, skip = () => false) {
  if (!existsSync(at(folder))) return;
  for (const entry of readdirSync(at(folder), { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (skip(entry.name)) continue;
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) yield* files(path, skip);
    else if (entry.isFile()) yield path;
  }
}

function* sourceFiles() {
  for (const group of ['apps', 'libs']) {
    if (!existsSync(at(group))) continue;
    for (const name of readdirSync(at(group)).sort()) if (!notCode(name)) yield* files(`${group}/${name}/src`, notCode);
  }
}

const hasDashboard = () => existsSync(at('apps', 'dashboard', 'index.html'));

/** Names, sizes and times: changes whenever a file does, and costs no reading. */
function fingerprint(paths) {
  const hash = createHash('sha256');
  for (const path of paths) {
    const { size, mtimeMs } = statSync(at(path));
    hash.update(`${path}\0${size}\0${mtimeMs}\n`);
  }
  return hash.digest('hex');
}

const fingerprints = {
  code: () => fingerprint([...sourceFiles(), 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json']),
  dashboard: () =>
    fingerprint([
      ...files('apps/dashboard', (name) => name === 'node_modules' || name.endsWith('.spec.ts')),
      'package-lock.json',
    ]),
};

function builtFrom() {
  try {
    return JSON.parse(readFileSync(builtMark, 'utf8'));
  } catch {
    return {};
  }
}

/** Which parts have changed since they were built. */
function stale() {
  const before = builtFrom();
  const due = [];
  if (before.code !== fingerprints.code() || !existsSync(at('dist', 'apps'))) due.push('code');
  if (
    hasDashboard() &&
    (before.dashboard !== fingerprints.dashboard() || !existsSync(at('dist', 'apps', 'dashboard', 'index.html')))
  )
    due.push('dashboard');
  return due;
}

function remember(part, value) {
  writeFileSync(`${builtMark}.new`, JSON.stringify({ ...builtFrom(), [part]: value }));
  renameSync(`${builtMark}.new`, builtMark);
}

// ---------------------------------------------------------------- building

async function buildCode() {
  // Taken before: what changes while the compiler runs is compiled the next time.
  const before = fingerprints.code();
  const sources = [...sourceFiles()];
  if (force || !existsSync(at('dist', 'apps'))) {
    for (const part of ['apps', 'libs', '.tsbuildinfo']) {
      const keep = part === 'apps' && existsSync(at('dist', 'apps', 'dashboard'));
      if (!keep) rmSync(at('dist', part), { recursive: true, force: true });
      else
        for (const name of readdirSync(at('dist', 'apps')))
          if (name !== 'dashboard') rmSync(at('dist', 'apps', name), { recursive: true });
    }
  }
  const status = await run([nodeBinary(), at('node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.build.json']);
  if (status !== 0)
    throw new Failure('the TypeScript above does not compile. Mend it, or return to a commit that does.');
  removeOrphans(new Set(sources));
  for (const path of sources.filter((source) => !/\.tsx?$/.test(source))) {
    mkdirSync(dirname(at('dist', path)), { recursive: true });
    copyFileSync(at(path), at('dist', path));
  }
  remember('code', before);
}

/** Built files whose source is gone would otherwise still be found and run. */
function removeOrphans(sources) {
  for (const group of ['apps', 'libs']) {
    for (const path of files(`dist/${group}`, (name) => name === 'dashboard')) {
      const source = path.slice('dist/'.length).replace(/\.js(\.map)?$/, '.ts');
      if (!sources.has(source) && !sources.has(path.slice('dist/'.length))) rmSync(at(path));
    }
  }
}

async function buildDashboard() {
  const before = fingerprints.dashboard();
  const vite = [nodeBinary(), at('node_modules', 'vite', 'bin', 'vite.js'), 'build', at('apps', 'dashboard')];
  const status = await run([
    ...vite,
    '--outDir',
    at('dist', 'apps', 'dashboard'),
    '--emptyOutDir',
    '--logLevel',
    'warn',
  ]);
  if (status !== 0) throw new Failure('the dashboard does not build; the reason is above.');
  remember('dashboard', before);
}

async function stage(name, work) {
  const started = performance.now();
  await work();
  say(`${name}: done (${seconds(started)})`);
}

/** Exit status. Output goes to stderr, so that stdout stays the command's own. */
function run([command, ...args], { inherit = false } = {}) {
  return new Promise((settle, refuse) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ['ignore', inherit ? 2 : 'pipe', inherit ? 'inherit' : 'pipe'],
      shell: process.platform === 'win32' && command.endsWith('.cmd'),
    });
    child.stdout?.on('data', (data) => process.stderr.write(data));
    child.stderr?.on('data', (data) => process.stderr.write(data));
    child.once('error', (error) =>
      refuse(new Failure(`${relative(root, command) || command} cannot be run: ${error.message}`)),
    );
    child.once('close', (code, signal) => settle(code ?? signal));
  });
}

// ---------------------------------------------------------------- one at a time

/** Holds dist/.prepare.lock; waits while another process does. Returns how to let go. */
async function lock() {
  mkdirSync(dirname(lockFile), { recursive: true });
  for (let told = false; ;) {
    try {
      const handle = openSync(lockFile, 'wx');
      writeSync(handle, String(process.pid));
      closeSync(handle);
      // A process id can be somebody else's by now (a restarted container), a lock that is no longer touched is nobody's.
      const alive = setInterval(() => utimesSync(lockFile, new Date(), new Date()), 1000);
      const release = () => {
        clearInterval(alive);
        rmSync(lockFile, { force: true });
      };
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
        process.once(signal, () => {
          release();
          process.exit(130);
        });
      }
      return release;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const owner = lockOwner();
    if (owner === undefined) continue;
    if (!told) say(`waiting for another preparation of this clone (process ${owner}) …`);
    told = true;
    await delay(200);
  }
}

/** The process that holds the lock; a lock left by a dead one is taken away. */
function lockOwner() {
  let pid;
  try {
    // A lock without a pid is being written right now, or its writer died in between.
    pid = Number(readFileSync(lockFile, 'utf8')) || undefined;
    if (pid !== undefined) process.kill(pid, 0);
    if (Date.now() - statSync(lockFile).mtimeMs < untouched) return pid ?? 'starting';
  } catch (error) {
    if (error.code === 'EPERM') return pid;
    if (error.code === 'ENOENT') return undefined;
  }
  // Renaming tells one of several waiters that it is the one to clear away.
  const aside = `${lockFile}.${process.pid}`;
  try {
    renameSync(lockFile, aside);
    rmSync(aside, { force: true });
  } catch {
    // Another waiter was first.
  }
  return undefined;
}

main().catch((error) => {
  say(error instanceof Failure ? `prepare: ${error.message}` : `prepare: ${error.stack}`);
  process.exitCode = 1;
});
