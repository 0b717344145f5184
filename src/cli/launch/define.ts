import type { Command } from 'commander';

type Examples = (...lines: string[]) => string;

/** The commands that launch machines and change what they run; each is loaded only when it is called. */
export function defineMachineCommands(program: Command, examples: Examples): void {
  program
    .command('push')
    .description('upload what differs, and watch the instances of the role follow')
    .argument('<dir>', 'directory with a haulout.ini')
    .argument('<bucket>', 's3://bucket/prefix of the role')
    .option('--plan', 'say what would change where, upload nothing')
    .option('--delete', 'delete what the bucket has and the directory has not')
    .option('--timeout <duration>', 'how long instances have to follow', '10m')
    .option('--no-watch', 'upload, and do not wait for them')
    .option('--role <name>', 'what the instances are for (default: last part of the prefix)')
    .option('--state <address>', 'where instances write (default: s3://bucket/.haulout)')
    .option('--endpoint-url <url>', 'another S3 service than Amazon')
    .option('--region <region>')
    .option('--profile <name>', 'profile of the AWS configuration')
    .option('--json', 'print what came of it as JSON')
    .addHelpText(
      'after',
      examples('haulout push planet s3://bucket/planet --plan', 'haulout push planet s3://bucket/planet'),
    )
    .action(async (directory: string, bucket: string, options) => {
      const { push } = await import('../push/command.ts');
      process.exitCode = await push(directory, bucket, options);
    });

  program
    .command('launch')
    .description('launch instances of a role, and tell how their boot goes')
    .argument('<bucket>', 's3://bucket/prefix of the role')
    .option('--image-id <ami>', 'what to boot')
    .option('--instance-type <type>')
    .option(
      '--launch-template <name>',
      'name or id, :VERSION behind it if one is meant; what is said here goes over it',
    )
    .option('--count <n>', 'how many', '1')
    .option('--key-name <name>')
    .option('--security-group-ids <id...>')
    .option('--subnet-id <id>')
    .option('--iam-instance-profile <name>', 'the role that reads the bucket: name or ARN')
    .option('--tag <pair...>', 'KEY=VALUE, in the call itself')
    .option('--user-data <file>', 'what `haulout userdata` printed before (default: made now)')
    .option(
      '--client-token <token>',
      'of an earlier launch: what it launched is watched again, nothing is launched twice',
    )
    .option('--hold <duration>', 'how long it must stay healthy', '10s')
    .option('--timeout <duration>', 'how long a boot may take', '20m')
    .option('--no-wait', 'do not wait for the boot')
    .option('--format <format>', 'of the user-data: raw, gzip or mime', 'raw')
    .option('--role <name>', 'what the instances are for (default: last part of the prefix)')
    .option('--state <address>', 'where instances write (default: s3://bucket/.haulout)')
    .option('--owner <id>', 'account that must own the bucket (12 digits)')
    .option('--runtime <list>', 'x64=SHA,arm64=SHA or none (default: what `haulout runtime add` put there last)')
    .option('--endpoint-url <url>', 'another S3 service than Amazon')
    .option('--instance-endpoint-url <url>', 'the same service as instances reach it, where that differs')
    .option('--ec2-endpoint-url <url>', 'another EC2 service than Amazon')
    .option('--region <region>')
    .option('--profile <name>', 'profile of the AWS configuration')
    .option('--json', 'print the instances as JSON')
    .addHelpText(
      'after',
      examples(
        'haulout launch s3://bucket/planet --image-id ami-0123456789abcdef0 --instance-type t3.micro \\\n    --iam-instance-profile planet',
        'haulout launch s3://bucket/planet --launch-template planet --count 3',
      ),
    )
    .action(async (bucket: string, options) => {
      const { launch } = await import('./command.ts');
      process.exitCode = await launch(bucket, options);
    });

  exchangeCommand(program, 'swap', 'another instance in the place of an old one, and its elastic IP with it')
    .option('--address <ip>', 'the one to move, or its allocation id (default: the one it has)')
    .option('--probe <probe>', 'what to ask through it: http://{address}/, tcp:80, none (default: its first port)')
    .option('--prove <duration>', 'how long it may take until that is answered', '60s')
    .addHelpText(
      'after',
      examples(
        'haulout swap i-0123456789abcdef0',
        'haulout swap i-0123456789abcdef0 --image-id ami-0fedcba9876543210 --probe http://{address}/',
        'haulout swap i-0123456789abcdef0 --back',
      ),
    )
    .action(async (old: string, options) => {
      const { swap } = await import('../swap/command.ts');
      process.exitCode = await swap(old, options);
    });

  exchangeCommand(program, 'replace', 'the same where no address is to be moved; the old instance may be dead')
    .addHelpText('after', examples('haulout replace i-0123456789abcdef0'))
    .action(async (old: string, options) => {
      const { replace } = await import('../swap/command.ts');
      process.exitCode = await replace(old, options);
    });
}

function exchangeCommand(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .argument('<instance>', 'the old one: i-0123456789abcdef0')
    .option('--image-id <ami>', 'another image than the old one has')
    .option('--instance-type <type>')
    .option('--user-data <file>', 'another script than the old one was launched with')
    .option('--hold <duration>', 'how long the new one must stay healthy before anything moves', '30s')
    .option('--timeout <duration>', 'how long its boot may take', '20m')
    .option('--back', 'of one that was cut off: go back instead of on')
    .option('--dry-run', 'say what would be done')
    .option('--state <address>', "where instances write (default: what the old one's user-data says)")
    .option('--role <name>', 'the same')
    .option('--endpoint-url <url>', 'another S3 service than Amazon')
    .option('--ec2-endpoint-url <url>', 'another EC2 service than Amazon')
    .option('--region <region>')
    .option('--profile <name>', 'profile of the AWS configuration')
    .option('--json', 'print how it ended as JSON');
}
