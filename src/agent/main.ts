import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { asTrouble } from '../lib/errors.ts';
import { EXIT } from '../lib/exit.ts';
import { version } from '../lib/version.ts';
import { fromEnvironment, parseSettings } from '../userdata/settings.ts';
import { asksForHelp, strangeWord } from './command-line.ts';
import { logs, service, status, sync } from './commands.ts';
import { install } from './install.ts';
import { launchWaits } from './launch-waits.ts';
import { pathsUnder } from './paths.ts';
import { runAgent } from './run.ts';
import { shutdown } from './shutdown-command.ts';

/**
 * The on-instance program. The launcher calls `install`; the system runs `run`; people call the others through
 * /usr/local/bin/haulout.
 */
const paths = pathsUnder('');
const self = realpathSync(fileURLToPath(import.meta.url));
const [command = 'help', ...words] = process.argv.slice(2);

const COMMANDS: Record<string, () => Promise<number>> = {
  install: async () => {
    const parsed = parseSettings(fromEnvironment(process.env));
    if (!parsed.ok) {
      for (const trouble of parsed.troubles) say(`settings: ${trouble.subject}: ${trouble.reason}. ${trouble.hint}`);
      return EXIT.badConfiguration;
    }
    const how = await install(paths, parsed.settings, self, launchWaits(words[0]));
    say(`the agent runs (${how}); next: haulout status`);
    return EXIT.done;
  },
  run: () => runAgent(paths),
  status: () => status(paths, words),
  sync: () => sync(paths, words),
  logs: () => logs(paths, words),
  service: () => service(paths, words),
  shutdown: () => shutdown(paths, words),
  version: async () => {
    process.stdout.write(`${version}\n`);
    return EXIT.done;
  },
  help: async () => {
    process.stdout.write(HELP);
    return EXIT.done;
  },
};

const HELP = `haulout, on this instance:

  haulout status [--json]     what the agent made of the bucket, and of this machine
  haulout sync [--json]       look at the bucket now, and wait until it is done
  haulout logs [-n LINES] [--json] [SERVICE]   what the agent, or a service, said
  haulout service [NAME]      the services of this machine
  haulout shutdown [--within 90s]   say goodbye: stop the services, and tell the bucket that this instance has left
  haulout version

Exit codes: 0 done, 1 failed, 2 not as the bucket wants it, 64 usage, 69 no agent, 75 not yet, 77 not root.
`;

function say(text: string): void {
  process.stderr.write(`haulout: ${text}\n`);
}

process.umask(0o077);
const meant = asksForHelp([command, ...words]) ? 'help' : command === '--version' ? 'version' : command;
const action = COMMANDS[meant];
const strange = strangeWord(meant, words);
if (!action) {
  say(`unknown command; one of: ${Object.keys(COMMANDS).join(' ')}`);
  process.exitCode = EXIT.usage;
} else if (strange !== undefined) {
  say(`${command} takes no ${strange}. next: haulout help`);
  process.exitCode = EXIT.usage;
} else {
  try {
    process.exitCode = await action();
  } catch (error) {
    const { step, subject, reason, hint } = asTrouble(error, 'agent', command);
    say(`${step}: ${subject}: ${reason}. ${hint}`);
    process.exitCode = EXIT.failed;
  }
}
