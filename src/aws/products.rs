//! EC2: whether an instance has a product code of the caller's.

use super::connect::Aws;
use super::ec2::non_empty;
use super::error::AwsError;

/// What EC2 says of an instance and a product code of the caller's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confirmed {
    /// The instance has the code.
    Yes {
        /// The account of the instance, which EC2 tells with the answer.
        owner: Option<String>,
    },
    /// It does not have it.
    No,
}

impl Aws {
    /// Whether an instance of any account runs with this product code of the caller's.
    ///
    /// `return` says so, and so does the owner alone: it is "only present if the product code is attached to the instance"
    /// (EC2 API Reference, ConfirmProductInstance), and the example of the AWS CLI's reference shows nothing else.
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses: with `AuthFailure` if the code is not the caller's, with
    /// `InvalidInstanceID.NotFound` if there is no such instance in the Region.
    pub async fn confirm_product_instance(
        &self,
        code: &str,
        instance: &str,
    ) -> Result<Confirmed, AwsError> {
        let request = self
            .ec2()
            .confirm_product_instance()
            .product_code(code)
            .instance_id(instance);
        let doing = format!(
            "asking in {} whether {instance} has the product code {code}",
            self.region()
        );
        let answer = self
            .send_ec2("ConfirmProductInstance", doing, Box::pin(request.send()))
            .await?;
        let owner = non_empty(answer.owner_id);
        Ok(match (answer.r#return, owner) {
            (Some(true), owner) => Confirmed::Yes { owner },
            (_, owner @ Some(_)) => Confirmed::Yes { owner },
            (_, None) => Confirmed::No,
        })
    }
}
