//! What EC2 and SSM answer about many images together: one DescribeImages for each Region and page, and GetParameters for ten
//! parameters at a time, however many images they are of.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt};

use super::context::REGIONS_AT_ONCE;
use super::parameters::Parameters;
use crate::aws::{Aws, AwsError};
use crate::image::observed::ObservedImage;
use crate::image::status::ParameterId;

/// The AMIs of a Region that were asked for, by their ids; none for what EC2 does not show.
type Answer = Result<BTreeMap<String, Option<ObservedImage>>, AwsError>;

/// What was seen for many images together.
#[derive(Debug, Default)]
pub(crate) struct Described {
    /// Their AMIs, by Region.
    images: BTreeMap<String, Answer>,
    /// What points to them.
    pub(super) parameters: Parameters,
}

impl Described {
    /// Describes these AMIs, each with its Region: of a Region at most [`crate::aws::FILTER_VALUES_MAX`].
    pub(crate) async fn of<'a>(
        aws: &Aws,
        images: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let mut ids: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (region, id) in images {
            ids.entry(region).or_default().insert(id);
        }
        let calls = ids.into_iter().map(|(region, ids)| async move {
            let ids: Vec<String> = ids.into_iter().map(str::to_owned).collect();
            let found = aws.in_region(region).find_images("image-id", &ids).await;
            (region.to_owned(), found.map(|found| by_id(ids, found)))
        });
        let answers = stream::iter(calls.collect::<Vec<_>>()).buffer_unordered(REGIONS_AT_ONCE);
        Self {
            images: answers.collect().await,
            parameters: Parameters::default(),
        }
    }

    /// The same, with these parameters, but for those of Regions that do not answer. Those that cannot be read together, because
    /// one of them must not be, count as not asked for.
    pub(crate) async fn with_parameters<'a>(
        self,
        aws: &Aws,
        ids: impl Iterator<Item = &'a ParameterId>,
    ) -> Self {
        let ids = ids.filter(|id| self.answers(&id.region));
        let parameters = Parameters::read(aws, ids).await;
        Self { parameters, ..self }
    }

    /// Whether a Region was asked for AMIs, and answered.
    pub(super) fn answers(&self, region: &str) -> bool {
        matches!(self.images.get(region), Some(Ok(_)))
    }

    /// The AMI, as its Region shows it, or why that did not answer; none if it was not asked for.
    pub(crate) fn image(
        &self,
        region: &str,
        id: &str,
    ) -> Option<Result<Option<&ObservedImage>, &AwsError>> {
        match self.images.get(region)? {
            Ok(images) => images.get(id).map(|image| Ok(image.as_ref())),
            Err(error) => Some(Err(error)),
        }
    }

    /// The Regions that did not answer, and why.
    pub(crate) fn errors(&self) -> impl Iterator<Item = (&str, &AwsError)> {
        let answers = self.images.iter();
        answers.filter_map(|(region, answer)| Some((region.as_str(), answer.as_ref().err()?)))
    }
}

fn by_id(asked: Vec<String>, found: Vec<ObservedImage>) -> BTreeMap<String, Option<ObservedImage>> {
    let mut images: BTreeMap<_, _> = asked.into_iter().map(|id| (id, None)).collect();
    images.extend(
        found
            .into_iter()
            .map(|image| (image.id.clone(), Some(image))),
    );
    images
}
