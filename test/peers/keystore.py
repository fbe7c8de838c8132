"""The branch key store of the AWS Cryptographic Material Providers Library, and its hierarchical keyring."""

import base64

import boto3
from aws_cryptographic_material_providers.keystore.client import KeyStore
from aws_cryptographic_material_providers.keystore.config import KeyStoreConfig
from aws_cryptographic_material_providers.keystore.models import (
    CreateKeyInput,
    CreateKeyStoreInput,
    GetActiveBranchKeyInput,
    GetBeaconKeyInput,
    GetBranchKeyVersionInput,
    KMSConfigurationKmsKeyArn,
    VersionKeyInput,
)
from aws_cryptographic_material_providers.mpl.models import (
    CreateAwsKmsHierarchicalKeyringInput,
    GetBranchKeyIdOutput,
)
from aws_cryptographic_material_providers.mpl.references import IBranchKeyIdSupplier


def store_of(options):
    return KeyStore(
        KeyStoreConfig(
            ddb_table_name=options["tableName"],
            logical_key_store_name=options["logicalKeyStoreName"],
            kms_configuration=KMSConfigurationKmsKeyArn(options["keyArn"]),
            ddb_client=boto3.client("dynamodb", region_name="us-east-1", endpoint_url=options["dynamoDbEndpoint"]),
            kms_client=boto3.client("kms", region_name="us-east-1", endpoint_url=options["kmsEndpoint"]),
        )
    )


class Supplier(IBranchKeyIdSupplier):
    """The branch key of a tenant."""

    def __init__(self, prefix):
        self.prefix = prefix

    def get_branch_key_id(self, param):
        return GetBranchKeyIdOutput(branch_key_id=self.prefix + param.encryption_context["tenant"])


def hierarchical(providers, key):
    chosen = (
        {"branch_key_id": key["branchKeyId"]}
        if "branchKeyId" in key
        else {"branch_key_id_supplier": Supplier(key["tenantPrefix"])}
    )
    return providers.create_aws_kms_hierarchical_keyring(
        CreateAwsKmsHierarchicalKeyringInput(key_store=store_of(key["store"]), ttl_seconds=600, **chosen)
    )


def create_table(store, _):
    return {"tableArn": store.create_key_store(CreateKeyStoreInput()).table_arn}


def create_key(store, request):
    output = store.create_key(
        CreateKeyInput(
            branch_key_identifier=request.get("branchKeyId"), encryption_context=request.get("encryptionContext")
        )
    )
    return {"branchKeyId": output.branch_key_identifier}


def version_key(store, request):
    store.version_key(VersionKeyInput(branch_key_identifier=request["branchKeyId"]))
    return {}


def branch_key(materials):
    return {
        "branchKeyId": materials.branch_key_identifier,
        "version": materials.branch_key_version,
        "encryptionContext": materials.encryption_context,
        "key": base64.b64encode(materials.branch_key).decode(),
    }


def get_active(store, request):
    output = store.get_active_branch_key(GetActiveBranchKeyInput(branch_key_identifier=request["branchKeyId"]))
    return branch_key(output.branch_key_materials)


def get_version(store, request):
    output = store.get_branch_key_version(
        GetBranchKeyVersionInput(branch_key_identifier=request["branchKeyId"], branch_key_version=request["version"])
    )
    return branch_key(output.branch_key_materials)


def get_beacon_key(store, request):
    materials = store.get_beacon_key(
        GetBeaconKeyInput(branch_key_identifier=request["branchKeyId"])
    ).beacon_key_materials
    return {
        "branchKeyId": materials.beacon_key_identifier,
        "encryptionContext": materials.encryption_context,
        "key": base64.b64encode(materials.beacon_key).decode(),
    }


CALLS = {
    "createTable": create_table,
    "createKey": create_key,
    "versionKey": version_key,
    "getActive": get_active,
    "getVersion": get_version,
    "getBeaconKey": get_beacon_key,
}


def call(request):
    return CALLS[request["call"]](store_of(request["store"]), request)
