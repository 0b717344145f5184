import { element, xmlDocument } from '../s3/xml.ts';

/**
 * Every error this endpoint can answer with, as EC2 names it.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
 */
const STATUS = {
  AddressLimitExceeded: 400,
  AuthFailure: 401,
  DryRunOperation: 412,
  IdempotentParameterMismatch: 400,
  IncorrectInstanceState: 400,
  InstanceLimitExceeded: 400,
  InsufficientAddressCapacity: 500,
  InsufficientInstanceCapacity: 500,
  InternalError: 500,
  InvalidAction: 400,
  'InvalidAddress.NotFound': 400,
  'InvalidAllocationID.NotFound': 400,
  'InvalidAMIID.Malformed': 400,
  'InvalidAssociationID.NotFound': 400,
  InvalidID: 400,
  'InvalidInstanceID.Malformed': 400,
  'InvalidInstanceID.NotFound': 400,
  'InvalidIPAddress.InUse': 400,
  'InvalidLaunchTemplateId.NotFound': 400,
  'InvalidLaunchTemplateId.VersionNotFound': 400,
  'InvalidLaunchTemplateName.AlreadyExistsException': 400,
  'InvalidLaunchTemplateName.NotFoundException': 400,
  InvalidNextToken: 400,
  InvalidParameterCombination: 400,
  InvalidParameterValue: 400,
  InvalidRequest: 400,
  'InvalidUserData.Malformed': 400,
  MalformedQueryString: 400,
  MissingParameter: 400,
  NoSuchVersion: 400,
  RequestExpired: 400,
  'Resource.AlreadyAssociated': 400,
  TagLimitExceeded: 400,
  Unavailable: 503,
  UnauthorizedOperation: 403,
  UnknownParameter: 400,
  UnsupportedOperation: 400,
} as const satisfies Record<string, number>;

export type ErrorCode = keyof typeof STATUS;

/** A refusal in EC2's words. Everything else that is thrown becomes InternalError. */
export class Ec2Error extends Error {
  override readonly name = 'Ec2Error';
  readonly code: ErrorCode;
  readonly status: number;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
    this.status = STATUS[code];
  }
}

/** What EC2 knows and this endpoint does not. */
export function unsupported(what: string): Ec2Error {
  return new Ec2Error('UnsupportedOperation', `haulout's local EC2 does not know ${what}`);
}

/** EC2 says no more than this to those who cannot prove who they are. */
export function notBelieved(why?: string): Ec2Error {
  const message = 'AWS was not able to validate the provided access credentials';
  return new Ec2Error('AuthFailure', why === undefined ? message : `${message}: ${why}`);
}

export function invalidValue(value: string, name: string, why: string): Ec2Error {
  return new Ec2Error('InvalidParameterValue', `Value (${value}) for parameter ${name} is invalid. ${why}`);
}

export function errorDocument(code: string, message: string, requestId: string): string {
  const fields = { Errors: { Error: { Code: code, Message: message } }, RequestID: requestId };
  return xmlDocument(element('Response', fields));
}
