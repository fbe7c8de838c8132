"""Keyrings of the AWS Cryptographic Material Providers Library, from their descriptions as JSON. Bytes are base64."""

import base64

import boto3
from aws_cryptographic_material_providers.mpl import AwsCryptographicMaterialProviders
from aws_cryptographic_material_providers.mpl.config import MaterialProvidersConfig
from aws_cryptographic_material_providers.mpl.models import (
    AesWrappingAlg,
    CreateAwsKmsDiscoveryKeyringInput,
    CreateAwsKmsEcdhKeyringInput,
    CreateAwsKmsKeyringInput,
    CreateAwsKmsMrkDiscoveryKeyringInput,
    CreateAwsKmsMrkKeyringInput,
    CreateAwsKmsRsaKeyringInput,
    CreateDefaultCryptographicMaterialsManagerInput,
    CreateRawAesKeyringInput,
    CreateRawEcdhKeyringInput,
    CreateRequiredEncryptionContextCMMInput,
    DiscoveryFilter,
    EphemeralPrivateKeyToStaticPublicKeyInput,
    KmsEcdhStaticConfigurationsKmsPrivateKeyToStaticPublicKey,
    KmsEcdhStaticConfigurationsKmsPublicKeyDiscovery,
    KmsPrivateKeyToStaticPublicKeyInput,
    KmsPublicKeyDiscoveryInput,
    PublicKeyDiscoveryInput,
    RawEcdhStaticConfigurationsEphemeralPrivateKeyToStaticPublicKey,
    RawEcdhStaticConfigurationsPublicKeyDiscovery,
    RawEcdhStaticConfigurationsRawPrivateKeyToStaticPublicKey,
    RawPrivateKeyToStaticPublicKeyInput,
)

providers = AwsCryptographicMaterialProviders(config=MaterialProvidersConfig())

CURVES = {"P-256": "ECC_NIST_P256", "P-384": "ECC_NIST_P384", "P-521": "ECC_NIST_P521"}


def decoded(key, field):
    return base64.b64decode(key[field]) if field in key else None


def kms(key):
    return boto3.client("kms", region_name=key["region"], endpoint_url=key["endpoint"])


def discovery_filter(key):
    return DiscoveryFilter(account_ids=key["accountIds"], partition=key["partition"])


def raw_aes(key):
    return providers.create_raw_aes_keyring(
        CreateRawAesKeyringInput(
            key_namespace=key["namespace"],
            key_name=key["name"],
            wrapping_key=decoded(key, "key"),
            wrapping_alg=AesWrappingAlg.ALG_AES256_GCM_IV12_TAG16,
        )
    )


def strict(key):
    return providers.create_aws_kms_keyring(CreateAwsKmsKeyringInput(kms_key_id=key["keyId"], kms_client=kms(key)))


def discovery(key):
    return providers.create_aws_kms_discovery_keyring(
        CreateAwsKmsDiscoveryKeyringInput(kms_client=kms(key), discovery_filter=discovery_filter(key))
    )


def mrk(key):
    return providers.create_aws_kms_mrk_keyring(
        CreateAwsKmsMrkKeyringInput(kms_key_id=key["keyId"], kms_client=kms(key))
    )


def mrk_discovery(key):
    return providers.create_aws_kms_mrk_discovery_keyring(
        CreateAwsKmsMrkDiscoveryKeyringInput(
            kms_client=kms(key), region=key["region"], discovery_filter=discovery_filter(key)
        )
    )


def rsa(key):
    return providers.create_aws_kms_rsa_keyring(
        CreateAwsKmsRsaKeyringInput(
            kms_key_id=key["keyId"],
            encryption_algorithm=key["encryptionAlgorithm"],
            public_key=key["publicKey"].encode(),
            kms_client=kms(key),
        )
    )


def raw_scheme(scheme):
    kind = scheme["_tag"]
    if kind == "RawPrivateKeyToStaticPublicKey":
        return RawEcdhStaticConfigurationsRawPrivateKeyToStaticPublicKey(
            RawPrivateKeyToStaticPublicKeyInput(
                sender_static_private_key=scheme["senderPrivateKey"].encode(),
                recipient_public_key=decoded(scheme, "recipientPublicKey"),
            )
        )
    if kind == "EphemeralPrivateKeyToStaticPublicKey":
        return RawEcdhStaticConfigurationsEphemeralPrivateKeyToStaticPublicKey(
            EphemeralPrivateKeyToStaticPublicKeyInput(recipient_public_key=decoded(scheme, "recipientPublicKey"))
        )
    return RawEcdhStaticConfigurationsPublicKeyDiscovery(
        PublicKeyDiscoveryInput(recipient_static_private_key=scheme["recipientPrivateKey"].encode())
    )


def raw_ecdh(key):
    return providers.create_raw_ecdh_keyring(
        CreateRawEcdhKeyringInput(key_agreement_scheme=raw_scheme(key["keyAgreement"]), curve_spec=CURVES[key["curve"]])
    )


def kms_scheme(scheme):
    if scheme["_tag"] == "KmsPrivateKeyToStaticPublicKey":
        return KmsEcdhStaticConfigurationsKmsPrivateKeyToStaticPublicKey(
            KmsPrivateKeyToStaticPublicKeyInput(
                sender_kms_identifier=scheme["senderKeyId"],
                sender_public_key=decoded(scheme, "senderPublicKey"),
                recipient_public_key=decoded(scheme, "recipientPublicKey"),
            )
        )
    return KmsEcdhStaticConfigurationsKmsPublicKeyDiscovery(
        KmsPublicKeyDiscoveryInput(recipient_kms_identifier=scheme["recipientKeyId"])
    )


def kms_ecdh(key):
    return providers.create_aws_kms_ecdh_keyring(
        CreateAwsKmsEcdhKeyringInput(
            key_agreement_scheme=kms_scheme(key["keyAgreement"]), curve_spec=CURVES[key["curve"]], kms_client=kms(key)
        )
    )


def hierarchical(key):
    import keystore

    return keystore.hierarchical(providers, key)


KEYRINGS = {
    "raw-aes": raw_aes,
    "raw-ecdh": raw_ecdh,
    "kms": strict,
    "kms-discovery": discovery,
    "kms-mrk": mrk,
    "kms-mrk-discovery": mrk_discovery,
    "kms-rsa": rsa,
    "kms-ecdh": kms_ecdh,
    "hierarchical": hierarchical,
}


def materials_of(key):
    """The named argument of the client's calls: a keyring, or a manager that requires pairs."""
    keyring = KEYRINGS[key["kind"]](key)
    required = key.get("requiredEncryptionContextKeys")
    if required is None:
        return {"keyring": keyring}
    under = providers.create_default_cryptographic_materials_manager(
        CreateDefaultCryptographicMaterialsManagerInput(keyring=keyring)
    )
    manager = providers.create_required_encryption_context_cmm(
        CreateRequiredEncryptionContextCMMInput(required_encryption_context_keys=required, underlying_cmm=under)
    )
    return {"materials_manager": manager}
