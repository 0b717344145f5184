// The matrix: faults x steps, on real instances, each with what happened and how long (DESIGN laws 3, 8, 9; reliability F1-F12, F17,
// F19-F21). `npm run soak faults [quick | slow | launch | disk | hooks | clock | agents | packages | absence ...]`; all, when none is named.
import { bundled } from './bundled.mjs';

const seed = Number(process.env.SEED ?? 20_261_120);
const { WeatherGround, cellLine } = await bundled('../support/weather.ts');
const { QUICK, SLOW, storeCells, launchCells } = await bundled('../support/weather-network.ts');
const { DISK_FAULTS, diskCells } = await bundled('../support/weather-disk.ts');
const { agentCells, clockCells, descriptors, hookCells, packageCells, zombies } = await bundled(
  '../support/weather-machine.ts',
);
const { wrongClock } = await bundled('../support/late.ts');
const { ABSENCES, AbsenceGround } = await bundled('../support/absence.ts');

const SYNCS = 1_000;
const BAD_MS = 20_000;
const each = (rows, act) => async (ground) => {
  for (const row of rows) await act(ground, row);
};
const PARTS = {
  quick: each(QUICK, storeCells),
  slow: each(SLOW, storeCells),
  launch: each([...QUICK, ...SLOW], (ground, row) => launchCells(ground, row, BAD_MS)),
  disk: each(DISK_FAULTS, diskCells),
  hooks: hookCells,
  agents: (ground) => agentCells(ground, 5),
  packages: packageCells,
  clock: clockCells,
};
const wanted = process.argv.slice(2);
const names = [...Object.keys(PARTS), 'absence'].filter((name) => wanted.length === 0 || wanted.includes(name));

const lines = new WeakMap();
const started = performance.now();
const all = [];
for (const name of names.filter((one) => one !== 'absence')) {
  const plant = name === 'clock' ? wrongClock() : {};
  const ground = await WeatherGround.open(seed, { diskMiB: 300, plant });
  try {
    const told = setInterval(() => tell(ground), 1_000);
    await PARTS[name](ground);
    clearInterval(told);
    tell(ground);
    console.log(`${name}: ${await zombies(ground)} zombies, ${await descriptors(ground)} descriptors of the agent`);
    all.push(...ground.cells);
  } finally {
    await ground.close();
  }
}

const counts = [];
if (names.includes('absence')) {
  const ground = await AbsenceGround.open();
  try {
    for (const absence of ABSENCES) {
      const count = await ground.endure(absence, SYNCS / ABSENCES.length);
      console.log(`absence: ${JSON.stringify(count)}`);
      counts.push(count);
    }
  } finally {
    await ground.role.close();
  }
}

const wrong = all.flatMap((cell) => cell.wrong);
const about = (words) => wrong.filter((text) => words.test(text)).length;
const sum = (key) => counts.reduce((total, count) => total + count[key], 0);
const correct = all.filter(({ outcome }) => outcome === 'correct').length;
console.log(
  `faults: seed ${seed}, ${all.length} cells: ${correct} correct, ${all.length - correct} classified or wrong; ${wrong.length} wrong`,
);
console.log(
  `faults: ${about(/^it took/)} waits past a deadline, ${about(/^bytes|newest|still/)} bad bytes, ${about(/^services were/)} restarts; ` +
    `${sum('syncs')} syncs without a bucket of ours: ${sum('deletions')} deletions, ${sum('stops')} stops; ` +
    `${((performance.now() - started) / 1_000).toFixed(0)} s`,
);
process.exitCode = wrong.length + sum('deletions') + sum('stops') === 0 ? 0 : 1;

function tell(ground) {
  const from = lines.get(ground) ?? 0;
  for (const cell of ground.cells.slice(from)) console.log(cellLine(cell));
  lines.set(ground, ground.cells.length);
}
