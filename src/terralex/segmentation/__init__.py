"""What each pixel is: photos to masks, scenes to class maps, polygons and areas."""
