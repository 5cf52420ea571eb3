"""What a first-aid command must do: the state before it, and what is read back after it.

Each function makes the state, yields while the command runs, and looks. An id that only AWS can
make is put into ``call.given`` in place of the example's.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from aws_commands import Call

Client = Callable[[str], Any]
"""A client of that service, in the command's region."""
Effect = Callable[[Client, Call], Iterator[None]]
EFFECTS: dict[str, Effect] = {}
"""``iam update_access_key`` -> what it must do."""
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})
ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}
EVERYTHING = json.dumps({"Version": "2012-10-17", "Statement": [ALL]})
FOR_ANYBODY = json.dumps(
    {"Version": "2012-10-17", "Statement": [ALL | {"Principal": "*", "Sid": "s"}]}
)


def of(*operations: str) -> Callable[[Effect], Effect]:
    """The decorated function says what these operations do."""

    def remember(effect: Effect) -> Effect:
        EFFECTS.update(dict.fromkeys(operations, effect))
        return effect

    return remember


def gone(call: Callable[..., Any], **given: Any) -> None:
    """Assert that there is no such thing."""
    with pytest.raises(ClientError, match=r"NotFound|NoSuch|not found|not exist|no such"):
        call(**given)


AMI = "ami-12c6146b"  # one that moto knows


# IAM


def named(iam: Any, given: dict[str, Any]) -> dict[str, Any]:
    """Make the user, role and group that the call names, and the account's own policy."""
    if user := given.get("UserName"):
        iam.create_user(UserName=user)
    if role := given.get("RoleName"):
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=TRUST)
    if group := given.get("GroupName"):
        iam.create_group(GroupName=group)
    if "::aws:" not in (arn := given.get("PolicyArn", "::aws:")):
        path, name = re.fullmatch(r"[^/]+(/.*?)([^/]+)", arn).groups()  # type: ignore[union-attr]
        iam.create_policy(PolicyName=name, Path=path, PolicyDocument=EVERYTHING)
    whose = ("UserName", "RoleName", "GroupName")
    return {name: value for name, value in given.items() if name in whose}


@of("iam update_access_key")
def key_is_inactive(client: Client, call: Call) -> Iterator[None]:
    iam = client("iam")
    user = named(iam, call.given)
    call.given["AccessKeyId"] = iam.create_access_key(**user)["AccessKey"]["AccessKeyId"]
    yield
    assert iam.list_access_keys(**user)["AccessKeyMetadata"][0]["Status"] == "Inactive"


@of("iam update_ssh_public_key")
def ssh_key_is_inactive(client: Client, call: Call) -> Iterator[None]:
    iam = client("iam")
    user = named(iam, call.given)
    key = iam.upload_ssh_public_key(**user, SSHPublicKeyBody="ssh-rsa AAAAB3NzaC1yc2E")
    call.given["SSHPublicKeyId"] = key["SSHPublicKey"]["SSHPublicKeyId"]
    yield
    assert iam.list_ssh_public_keys(**user)["SSHPublicKeys"][0]["Status"] == "Inactive"


@of("iam update_signing_certificate")
def certificate_is_inactive(client: Client, call: Call) -> Iterator[None]:
    iam = client("iam")
    user = named(iam, call.given)
    uploaded = iam.upload_signing_certificate(**user, CertificateBody=certificate())
    call.given["CertificateId"] = uploaded["Certificate"]["CertificateId"]
    yield
    assert iam.list_signing_certificates(**user)["Certificates"][0]["Status"] == "Inactive"


def certificate() -> str:
    """One that is of no use to anybody."""
    from datetime import UTC, datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "example.com")])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
    made = made.not_valid_after(datetime(2027, 1, 1, tzinfo=UTC))
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


@of("iam delete_login_profile")
def password_is_gone(client: Client, call: Call) -> Iterator[None]:
    iam = client("iam")
    iam.create_login_profile(**named(iam, call.given), Password="Abc123!xyz")
    yield
    gone(iam.get_login_profile, **call.given)


@of("iam deactivate_mfa_device")
def device_is_gone(client: Client, call: Call) -> Iterator[None]:
    iam = client("iam")
    user = named(iam, call.given)
    name = call.given["SerialNumber"].rpartition("/")[2]
    iam.create_virtual_mfa_device(VirtualMFADeviceName=name)
    codes = {"AuthenticationCode1": "123456", "AuthenticationCode2": "654321"}
    iam.enable_mfa_device(**call.given, **codes)
    yield
    assert iam.list_mfa_devices(**user)["MFADevices"] == []


@of(*(f"iam {verb}_{kind}_policy" for verb in ("attach", "detach") for kind in ("user", "role")))
@of("iam detach_group_policy")
def policy_is_on_or_off(client: Client, call: Call) -> Iterator[None]:
    iam = client("iam")
    whom = named(iam, call.given)
    verb, kind, _ = call.operation.split("_")
    if verb == "detach":
        getattr(iam, f"attach_{kind}_policy")(**call.given)
    yield
    found = getattr(iam, f"list_attached_{kind}_policies")(**whom)["AttachedPolicies"]
    expected = [call.given["PolicyArn"]] if verb == "attach" else []
    assert [policy["PolicyArn"] for policy in found] == expected


@of("iam delete_user_policy", "iam delete_role_policy", "iam delete_group_policy")
def inline_policy_is_gone(client: Client, call: Call) -> Iterator[None]:
    iam = client("iam")
    named(iam, call.given)
    kind = call.operation.split("_")[1]
    getattr(iam, f"put_{kind}_policy")(**call.given, PolicyDocument=EVERYTHING)
    yield
    gone(getattr(iam, f"get_{kind}_policy"), **call.given)


@of("iam put_role_policy")
def older_sessions_are_revoked(client: Client, call: Call) -> Iterator[None]:
    iam = client("iam")
    role = named(iam, call.given)
    yield
    policy = iam.get_role_policy(**role, PolicyName="AWSRevokeOlderSessions")["PolicyDocument"]
    (statement,) = policy["Statement"]
    assert (statement["Effect"], statement["Action"], statement["Resource"]) == ("Deny", "*", "*")
    assert statement["Condition"] == {
        # The session of the very second of the event too.
        "DateLessThanEquals": {"aws:TokenIssueTime": "2026-03-17T16:09:52Z"}
    }


@of("iam delete_policy")
def policy_is_gone(client: Client, call: Call) -> Iterator[None]:
    iam = client("iam")
    named(iam, call.given)
    yield
    gone(iam.get_policy, **call.given)


@of("iam delete_policy_version")
def version_is_gone(client: Client, call: Call) -> Iterator[None]:
    iam = client("iam")
    named(iam, call.given)
    iam.create_policy_version(PolicyArn=call.given["PolicyArn"], PolicyDocument=EVERYTHING)
    yield
    versions = iam.list_policy_versions(PolicyArn=call.given["PolicyArn"])["Versions"]
    assert [version["VersionId"] for version in versions] == ["v1"]


@of("iam remove_user_from_group")
def user_is_out(client: Client, call: Call) -> Iterator[None]:
    iam = client("iam")
    named(iam, call.given)
    iam.add_user_to_group(**call.given)
    yield
    assert iam.get_group(GroupName=call.given["GroupName"])["Users"] == []


@of("iam delete_saml_provider")
def saml_provider_is_gone(client: Client, call: Call) -> Iterator[None]:
    name = call.given["SAMLProviderArn"].rpartition("/")[2]
    client("iam").create_saml_provider(SAMLMetadataDocument="a" * 1000, Name=name)
    yield
    assert client("iam").list_saml_providers()["SAMLProviderList"] == []


@of("iam delete_open_id_connect_provider")
def oidc_provider_is_gone(client: Client, call: Call) -> Iterator[None]:
    url = "https://" + call.given["OpenIDConnectProviderArn"].partition("/")[2]
    client("iam").create_open_id_connect_provider(Url=url, ThumbprintList=["a" * 40])
    yield
    gone(client("iam").get_open_id_connect_provider, **call.given)


# IAM Identity Center, its directory, the organization, the account


@of(
    "sso-admin detach_managed_policy_from_permission_set",
    "sso-admin detach_customer_managed_policy_reference_from_permission_set",
    "sso-admin delete_inline_policy_from_permission_set",
    "sso-admin delete_permission_set",
    "sso-admin delete_account_assignment",
    "sso-admin provision_permission_set",
)
def permission_set_is_harmless(client: Client, call: Call) -> Iterator[None]:
    sso = client("sso-admin")
    given = call.given
    instance = given["InstanceArn"] = sso.list_instances()["Instances"][0]["InstanceArn"]
    made = sso.create_permission_set(InstanceArn=instance, Name="p")["PermissionSet"]
    given["PermissionSetArn"] = made["PermissionSetArn"]
    one = {"InstanceArn": instance, "PermissionSetArn": made["PermissionSetArn"]}
    match call.operation:
        case "detach_managed_policy_from_permission_set":
            sso.attach_managed_policy_to_permission_set(**given)
            yield
            found = sso.list_managed_policies_in_permission_set(**one)
            assert found["AttachedManagedPolicies"] == []
        case "detach_customer_managed_policy_reference_from_permission_set":
            sso.attach_customer_managed_policy_reference_to_permission_set(**given)
            yield
            found = sso.list_customer_managed_policy_references_in_permission_set(**one)
            assert found["CustomerManagedPolicyReferences"] == []
        case "delete_inline_policy_from_permission_set":
            sso.put_inline_policy_to_permission_set(**one, InlinePolicy=EVERYTHING)
            yield
            assert sso.get_inline_policy_for_permission_set(**one)["InlinePolicy"] == ""
        case "delete_account_assignment":
            sso.create_account_assignment(**given)
            yield
            where = one | {"AccountId": given["TargetId"]}
            assert sso.list_account_assignments(**where)["AccountAssignments"] == []
        case "delete_permission_set":
            yield
            assert sso.list_permission_sets(InstanceArn=instance)["PermissionSets"] == []
        case _:
            yield
            where = {"InstanceArn": instance, "AccountId": "444455556666"}
            found = sso.list_permission_sets_provisioned_to_account(**where)
            assert found["PermissionSets"] == [one["PermissionSetArn"]]


@of("identitystore delete_user", "identitystore delete_group_membership")
def directory_forgets(client: Client, call: Call) -> Iterator[None]:
    directory = client("identitystore")
    where = {"IdentityStoreId": call.given["IdentityStoreId"]}
    person = {"UserName": "x", "DisplayName": "x", "Name": {"GivenName": "x", "FamilyName": "y"}}
    user = directory.create_user(**where, **person)["UserId"]
    group = where | {"GroupId": directory.create_group(**where, DisplayName="g")["GroupId"]}
    membership = directory.create_group_membership(**group, MemberId={"UserId": user})
    if call.operation == "delete_user":
        call.given["UserId"] = user
        yield
        assert directory.list_users(**where)["Users"] == []
    else:
        call.given["MembershipId"] = membership["MembershipId"]
        yield
        assert directory.list_group_memberships(**group)["GroupMemberships"] == []


@of(
    "organizations attach_policy",
    "organizations enable_policy_type",
    "organizations move_account",
    "organizations register_delegated_administrator",
)
def guardrail_is_back(client: Client, call: Call) -> Iterator[None]:
    organization, given = client("organizations"), call.given
    organization.create_organization(FeatureSet="ALL")
    root = organization.list_roots()["Roots"][0]["Id"]
    status = organization.create_account(Email="a@example.com", AccountName="a")
    account = status["CreateAccountStatus"]["AccountId"]
    match call.operation:
        case "attach_policy":
            kind = {"Content": "{}", "Description": "d", "Name": "n", "Type": SCP}
            policy = organization.create_policy(**kind)["Policy"]["PolicySummary"]["Id"]
            given |= {"PolicyId": policy, "TargetId": account}
            yield
            targets = organization.list_targets_for_policy(PolicyId=policy)["Targets"]
            assert account in [target["TargetId"] for target in targets]
        case "enable_policy_type":
            given["RootId"] = root
            yield
            types = organization.list_roots()["Roots"][0]["PolicyTypes"]
            assert {"Type": given["PolicyType"], "Status": "ENABLED"} in types
        case "move_account":
            unit = organization.create_organizational_unit(ParentId=root, Name="ou")
            other = unit["OrganizationalUnit"]["Id"]
            way = {"SourceParentId": root, "DestinationParentId": other}
            organization.move_account(AccountId=account, **way)
            given |= {"AccountId": account, "SourceParentId": other, "DestinationParentId": root}
            yield
            assert organization.list_parents(ChildId=account)["Parents"][0]["Id"] == root
        case _:
            given["AccountId"] = account
            yield
            (found,) = organization.list_delegated_administrators()["DelegatedAdministrators"]
            assert found["Id"] == account


SCP = "SERVICE_CONTROL_POLICY"


@of("account delete_alternate_contact")
def contact_is_gone(client: Client, call: Call) -> Iterator[None]:
    contact = {"EmailAddress": "a@example.com", "Name": "x", "PhoneNumber": "1", "Title": "t"}
    client("account").put_alternate_contact(**call.given, **contact)
    yield
    gone(client("account").get_alternate_contact, **call.given)


# Logging


@of("cloudtrail start_logging", "cloudtrail update_trail")
def trail_sees_again(client: Client, call: Call) -> Iterator[None]:
    trails, name = client("cloudtrail"), call.given["Name"].rpartition("/")[2]
    where = {"LocationConstraint": call.region}
    more = {} if call.region == "us-east-1" else {"CreateBucketConfiguration": where}
    client("s3").create_bucket(Bucket="org-records", **more)
    trails.create_trail(
        Name=name, S3BucketName="org-records", IsMultiRegionTrail=False,
        IncludeGlobalServiceEvents=False, EnableLogFileValidation=False,
    )  # fmt: skip
    yield
    if call.operation == "start_logging":
        assert trails.get_trail_status(Name=name)["IsLogging"] is True
        return
    (trail,) = trails.describe_trails()["trailList"]
    trail["EnableLogFileValidation"] = trail["LogFileValidationEnabled"]
    switches = call.given.keys() - {"Name"}
    assert switches and all(trail[switch] is True for switch in switches)


@of("cloudwatch enable_alarm_actions")
def alarm_acts(client: Client, call: Call) -> Iterator[None]:
    (name,) = call.given["AlarmNames"]
    client("cloudwatch").put_metric_alarm(
        AlarmName=name, MetricName="m", Namespace="n", Period=60, EvaluationPeriods=1, Threshold=1,
        ComparisonOperator="GreaterThanThreshold", Statistic="Sum", ActionsEnabled=False,
    )  # fmt: skip
    yield
    assert client("cloudwatch").describe_alarms()["MetricAlarms"][0]["ActionsEnabled"] is True


@of("events enable_rule")
def rule_is_on(client: Client, call: Call) -> Iterator[None]:
    events = client("events")
    if bus := call.given.get("EventBusName"):
        events.create_event_bus(Name=bus)
    events.put_rule(**call.given, EventPattern='{"source": ["x"]}', State="DISABLED")
    yield
    assert events.describe_rule(**call.given)["State"] == "ENABLED"


@of("config start_configuration_recorder")
def recorder_records(client: Client, call: Call) -> Iterator[None]:
    config, name = client("config"), call.given["ConfigurationRecorderName"]
    role = "arn:aws:iam::123456789012:role/config"
    recorder = {"name": name, "roleARN": role, "recordingGroup": {"allSupported": True}}
    config.put_configuration_recorder(ConfigurationRecorder=recorder)
    config.put_delivery_channel(DeliveryChannel={"name": "default", "s3BucketName": "org-records"})
    yield
    (status,) = config.describe_configuration_recorder_status()["ConfigurationRecordersStatus"]
    assert status["recording"] is True


@of("guardduty create_detector")
def detector_is_there(client: Client, call: Call) -> Iterator[None]:
    yield
    (detector,) = client("guardduty").list_detectors()["DetectorIds"]
    assert client("guardduty").get_detector(DetectorId=detector)["Status"] == "ENABLED"


@of("guardduty update_detector", "guardduty delete_filter")
def detector_sees_again(client: Client, call: Call) -> Iterator[None]:
    guardduty = client("guardduty")
    one = {"DetectorId": guardduty.create_detector(Enable=False)["DetectorId"]}
    call.given.update(one)
    if call.operation == "delete_filter":
        quiet = {"Action": "ARCHIVE", "FindingCriteria": {"Criterion": {}}}
        guardduty.create_filter(**one, Name=call.given["FilterName"], **quiet)
        yield
        gone(guardduty.get_filter, **call.given)
    else:
        yield
        assert guardduty.get_detector(**one)["Status"] == "ENABLED"


@of("securityhub enable_security_hub")
def hub_is_on(client: Client, call: Call) -> Iterator[None]:
    yield
    assert client("securityhub").describe_hub()["HubArn"]


@of("macie2 enable_macie")
def macie_is_on(client: Client, call: Call) -> Iterator[None]:
    yield
    assert client("macie2").get_macie_session()["status"] == "ENABLED"


# Data, network and compute


@of("kms cancel_key_deletion", "kms enable_key")
def key_is_back(client: Client, call: Call) -> Iterator[None]:
    kms = client("kms")
    key = call.given["KeyId"] = kms.create_key()["KeyMetadata"]["KeyId"]
    if call.operation == "enable_key":
        kms.disable_key(KeyId=key)
    else:
        kms.schedule_key_deletion(KeyId=key)
    yield
    # A key that is not deleted any more is disabled: that is what the second command is for.
    expected = "Enabled" if call.operation == "enable_key" else "Disabled"
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == expected


@of("s3 put_public_access_block", "s3control put_public_access_block")
def public_access_is_blocked(client: Client, call: Call) -> Iterator[None]:
    if bucket := call.given.get("Bucket"):
        client("s3").create_bucket(Bucket=bucket)
    yield
    where = {name: call.given[name] for name in ("Bucket", "AccountId") if name in call.given}
    found = client(call.service).get_public_access_block(**where)
    block = found["PublicAccessBlockConfiguration"]
    assert len(block) == 4 and all(block.values())


@of("ecr delete_repository_policy")
def repository_is_ours(client: Client, call: Call) -> Iterator[None]:
    client("ecr").create_repository(**call.given)
    client("ecr").set_repository_policy(**call.given, policyText=FOR_ANYBODY)
    yield
    gone(client("ecr").get_repository_policy, **call.given)


@of("secretsmanager delete_resource_policy", "secretsmanager restore_secret")
def secret_is_ours(client: Client, call: Call) -> Iterator[None]:
    secrets = client("secretsmanager")
    name = call.given["SecretId"].rpartition(":")[2]
    secret = {"SecretId": secrets.create_secret(Name=name, SecretString="x")["ARN"]}
    call.given.update(secret)
    if call.operation == "restore_secret":
        secrets.delete_secret(**secret)
        yield
        assert "DeletedDate" not in secrets.describe_secret(**secret)
    else:
        secrets.put_resource_policy(**secret, ResourcePolicy=FOR_ANYBODY)
        yield
        assert not secrets.get_resource_policy(**secret).get("ResourcePolicy")


@of("ec2 modify_snapshot_attribute", "ec2 modify_image_attribute")
def share_is_taken_back(client: Client, call: Call) -> Iterator[None]:
    ec2 = client("ec2")
    if "SnapshotId" in call.given:
        disk = ec2.create_volume(Size=1, AvailabilityZone=f"{call.region}a")["VolumeId"]
        what = {"SnapshotId": ec2.create_snapshot(VolumeId=disk)["SnapshotId"]}
        look, answer = ec2.describe_snapshot_attribute, "CreateVolumePermissions"
    else:
        started = ec2.run_instances(ImageId=AMI, MinCount=1, MaxCount=1)["Instances"][0]
        made = ec2.create_image(InstanceId=started["InstanceId"], Name="ours")
        what = {"ImageId": made["ImageId"]}
        look, answer = ec2.describe_image_attribute, "LaunchPermissions"
    call.given.update(what)
    getattr(ec2, call.operation)(**call.given | {"OperationType": "add"})
    what["Attribute"] = call.given["Attribute"]
    assert look(**what)[answer]
    yield
    assert look(**what)[answer] == []


@of("rds modify_db_snapshot_attribute", "rds modify_db_cluster_snapshot_attribute")
def database_share_is_taken_back(client: Client, call: Call) -> Iterator[None]:
    rds = client("rds")
    kind = "cluster" if "cluster" in call.operation else "instance"
    of_kind = "db_cluster_snapshot" if kind == "cluster" else "db_snapshot"
    database = {"Engine": "aurora-mysql" if kind == "cluster" else "mysql"}
    database |= {"MasterUsername": "root", "MasterUserPassword": "example12345"}
    if kind == "instance":
        database["DBInstanceClass"] = "db.m5.large"
    option = "DBClusterIdentifier" if kind == "cluster" else "DBInstanceIdentifier"
    snapshot = {name: call.given[name] for name in call.given if name.endswith("Identifier")}
    getattr(rds, f"create_db_{kind}")(**{option: "x"}, **database)
    getattr(rds, f"create_{of_kind}")(**{option: "x"}, **snapshot)
    shared = {"AttributeName": "restore", "ValuesToAdd": call.given["ValuesToRemove"]}
    getattr(rds, call.operation)(**snapshot, **shared)

    def shares() -> list[str]:
        found = getattr(rds, f"describe_{of_kind}_attributes")(**snapshot)
        (result,) = (found[name] for name in found if name.endswith("Result"))
        (attributes,) = (result[name] for name in result if name.endswith("Attributes"))
        return [value for one in attributes for value in one["AttributeValues"]]

    assert shares()
    yield
    assert shares() == []


@of("ec2 revoke_security_group_ingress")
def nobody_comes_in(client: Client, call: Call) -> Iterator[None]:
    ec2 = client("ec2")
    group = {"GroupId": ec2.create_security_group(GroupName="x", Description="x")["GroupId"]}
    ids = []
    for port in range(len(call.given["SecurityGroupRuleIds"])):
        opening = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "CidrIp": "0.0.0.0/0"}
        made = ec2.authorize_security_group_ingress(**group, **opening)["SecurityGroupRules"]
        ids += [rule["SecurityGroupRuleId"] for rule in made]
    call.given.update(group, SecurityGroupRuleIds=ids)
    yield
    (found,) = ec2.describe_security_groups(GroupIds=[group["GroupId"]])["SecurityGroups"]
    assert found["IpPermissions"] == []


@of("ec2 delete_network_acl_entry")
def entry_is_gone(client: Client, call: Call) -> Iterator[None]:
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    acl = ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
    call.given["NetworkAclId"] = acl
    open_to_all = {"Protocol": "-1", "RuleAction": "allow", "CidrBlock": "0.0.0.0/0"}
    ec2.create_network_acl_entry(**call.given, **open_to_all)
    yield
    (found,) = ec2.describe_network_acls(NetworkAclIds=[acl])["NetworkAcls"]
    numbers = [entry["RuleNumber"] for entry in found["Entries"] if not entry["Egress"]]
    assert call.given["RuleNumber"] not in numbers


@of("ec2 disassociate_iam_instance_profile")
def instance_has_no_rights(client: Client, call: Call) -> Iterator[None]:
    ec2 = client("ec2")
    client("iam").create_instance_profile(InstanceProfileName="w")
    started = ec2.run_instances(ImageId=AMI, MinCount=1, MaxCount=1)["Instances"][0]
    made = ec2.associate_iam_instance_profile(
        IamInstanceProfile={"Name": "w"}, InstanceId=started["InstanceId"]
    )
    call.given["AssociationId"] = made["IamInstanceProfileAssociation"]["AssociationId"]
    yield
    found = ec2.describe_iam_instance_profile_associations()["IamInstanceProfileAssociations"]
    assert [one for one in found if one["State"] == "associated"] == []


@of(
    "lambda delete_function_concurrency",
    "lambda remove_permission",
    "lambda update_function_url_config",
)
def function_is_ours(client: Client, call: Call) -> Iterator[None]:
    functions = client("lambda")
    role = client("iam").create_role(RoleName="x", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as code:
        code.writestr("a.py", "")
    name = call.given["FunctionName"].rpartition(":")[2]
    one = {"FunctionName": name}
    functions.create_function(
        **one, Runtime="python3.13", Role=role, Handler="a.b", Code={"ZipFile": packed.getvalue()}
    )
    if qualifier := call.given.get("Qualifier"):
        functions.create_alias(**one, Name=qualifier, FunctionVersion="$LATEST")
        one["Qualifier"] = qualifier
    match call.operation:
        case "delete_function_concurrency":
            functions.put_function_concurrency(**one, ReservedConcurrentExecutions=0)
            yield
            found = functions.get_function_concurrency(**one)
            assert "ReservedConcurrentExecutions" not in found
        case "remove_permission":
            anybody = {"Action": "lambda:InvokeFunction", "Principal": "*"}
            functions.add_permission(**one, StatementId=call.given["StatementId"], **anybody)
            yield
            gone(functions.get_policy, **one)
        case _:
            functions.create_function_url_config(**one, AuthType="NONE")
            yield
            assert functions.get_function_url_config(**one)["AuthType"] == "AWS_IAM"
